#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "link.hpp"
#include "loads.hpp"

namespace geminga::bench::load {

namespace {

constexpr std::size_t kPieceBytes = 1 << 20;

/// Two ends of one connection through 127.0.0.1.
struct Ends {
  int here = -1;
  int there = -1;
  Ends() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    here = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, any, size) != 0 || ::listen(listener, 1) != 0 ||
        ::getsockname(listener, any, &size) != 0 || ::connect(here, any, size) != 0)
      give_up("loopback does not work");
    there = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    const int on = 1;
    for (const int end : {here, there}) ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Ends() {
    ::close(here);
    ::close(there);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
};

/// False: the other end has closed.
bool receive_all(int end, char* bytes, std::size_t size) {
  return ::recv(end, bytes, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

void send_all(int end, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(end, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) give_up("loopback broke off");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

json round_trips(const Settings& settings) {
  const Ends ends;
  std::string body(settings.body_bytes, 'm');
  std::thread echo([&] {
    std::string bytes(body.size(), '\0');
    while (receive_all(ends.there, bytes.data(), bytes.size())) send_all(ends.there, bytes);
  });
  std::vector<double> us;
  for (const auto begin = Clock::now(); since(begin) < settings.seconds / 2;) {
    const auto sent = Clock::now();
    send_all(ends.here, body);
    receive_all(ends.here, body.data(), body.size());
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - sent).count());
  }
  ::shutdown(ends.here, SHUT_WR);
  echo.join();
  return percentiles(us);
}

double megabytes_per_second(const Settings& settings) {
  const Ends ends;
  std::uint64_t received = 0;
  std::thread reader([&] {
    std::vector<char> bytes(kPieceBytes);
    for (ssize_t count = 1; count > 0; received += static_cast<std::uint64_t>(std::max<ssize_t>(count, 0)))
      count = ::recv(ends.there, bytes.data(), bytes.size(), 0);
  });
  const std::string piece(kPieceBytes, 'm');
  const auto begin = Clock::now();
  while (since(begin) < settings.seconds / 2) send_all(ends.here, piece);
  ::shutdown(ends.here, SHUT_WR);
  reader.join();
  return static_cast<double>(received) / since(begin) / 1e6;
}

}  // namespace

json loopback(const Settings& settings) {
  return {{"round_trip", round_trips(settings)}, {"mb_per_second", megabytes_per_second(settings)}};
}

}  // namespace geminga::bench::load
