#include "orchestrator/jobs/testing/cutting_proxy.hpp"

#include <array>
#include <cstring>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace geminga::orchestrator::testing {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

int unix_socket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/// Moves what can be read; what it was, or nothing at the end.
std::string_view read_some(int from, std::array<char, 65'536>& buffer) {
  const auto size = ::recv(from, buffer.data(), buffer.size(), 0);
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(std::string socket)
    : socket_(std::move(socket)), listener_(unix_socket()), stop_(::eventfd(0, EFD_CLOEXEC)) {
  const auto address = address_of(folder_.path() / ".s.PGSQL.5432");
  EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener_, 16), 0);
  accepting_ = std::thread([this] { accept_all(); });
}

CuttingProxy::~CuttingProxy() {
  ::eventfd_write(stop_, 1);
  accepting_.join();
  for (auto& thread : passing_) thread.join();
  ::close(listener_);
  ::close(stop_);
}

std::string CuttingProxy::url() const {
  std::string folder = folder_.path();
  for (auto at = folder.find('/'); at != std::string::npos; at = folder.find('/'))
    folder.replace(at, 1, "%2F");
  return "postgresql://postgres@" + folder + ":5432/postgres";
}

void CuttingProxy::accept_all() {
  for (;;) {
    std::array<pollfd, 2> waiting{{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[1].revents != 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = unix_socket();
    const auto address = address_of(socket_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(client);
      ::close(server);
      continue;
    }
    const std::lock_guard lock(mutex_);
    passing_.emplace_back([this, client, server] {
      pass(client, server);
      ::close(client);
      ::close(server);
    });
  }
}

void CuttingProxy::pass(int client, int server) {
  std::array<char, 65'536> buffer{};
  for (;;) {
    std::array<pollfd, 3> waiting{{{client, POLLIN, 0}, {server, POLLIN, 0}, {stop_, POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[2].revents != 0) return;
    const bool from_client = waiting[0].revents != 0;
    const auto bytes = read_some(from_client ? client : server, buffer);
    if (bytes.empty()) return;
    const bool commits = from_client && bytes.find("; COMMIT") != std::string_view::npos;
    const auto cut = commits ? cut_.exchange(Cut::none) : Cut::none;
    if (cut != Cut::none) ++cuts_;
    if (cut == Cut::before_commit) return;
    if (!send_all(from_client ? server : client, bytes)) return;
    if (cut == Cut::after_commit) {
      static_cast<void>(read_some(server, buffer));  // its answer
      return;
    }
  }
}

}  // namespace geminga::orchestrator::testing
