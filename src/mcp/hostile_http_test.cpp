// Servers behind a URL that do everything wrong, at once and over and over.
#include <arpa/inet.h>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <set>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "mcp/registry_fixture.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// Speaks HTTP with its bare hands, a thread for each connection. Tools are called by what they do wrong.
class HostileServer {
 public:
  HostileServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/mcp";
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~HostileServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  void accept_all() {
    for (int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); socket >= 0;
         socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) {
      const std::lock_guard lock(mutex_);
      sockets_.insert(socket);
      threads_.emplace_back([this, socket] {
        while (serve(socket)) {
        }
        const std::lock_guard closing(mutex_);
        sockets_.erase(socket);
        ::close(socket);
      });
    }
  }

  static bool send(int socket, std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  static bool respond(int socket, const std::string& body, const char* type = "application/json") {
    return send(socket, "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
                            "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  static bool stream(int socket, const std::string& events) {
    return respond(socket, events, "text/event-stream");
  }
  // Until the other side goes.
  static bool wait_for_end(int socket) {
    pollfd ready{socket, POLLIN, 0};
    char byte = 0;
    while (::poll(&ready, 1, -1) > 0 && ::recv(socket, &byte, 1, 0) > 0) {
    }
    return false;
  }

  // One request, and whether there may be another one.
  bool serve(int socket) {
    std::string text;
    char buffer[65536];
    std::size_t body = std::string::npos;
    std::size_t length = 0;
    while (body == std::string::npos || text.size() < body + length) {
      const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
      if (count <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(count));
      if (body != std::string::npos || text.find("\r\n\r\n") == std::string::npos) continue;
      body = text.find("\r\n\r\n") + 4;
      const std::size_t at = text.find("Content-Length: ");
      if (at < body) length = std::stoul(text.substr(at + 16));
    }
    if (!text.starts_with("POST")) return send(socket, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n");
    const json message = json::parse(text.substr(body));
    const json id = message.value("id", json());
    const std::string method = message.at("method");
    const auto result = [&id](json value) {
      return json{{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(value)}}.dump();
    };
    if (method == "server/discover") return send(socket, "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n");
    if (method == "initialize")
      return respond(
          socket, result({{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", json::object()}}}}));
    if (method == "tools/list") {
      json tools = json::array();
      for (const char* name : kTools) tools.push_back({{"name", name}});
      return respond(socket, result({{"tools", tools}}));
    }
    if (id.is_null()) return send(socket, "HTTP/1.1 202 Ok\r\nContent-Length: 0\r\n\r\n");
    const json content{{"content", {{{"type", "text"}, {"text", "right"}}}}};
    return misbehave(socket, message.at("params").at("name"), id, result(content));
  }

  static bool misbehave(int socket, const std::string& tool, const json& id, const std::string& right) {
    if (tool == "never") return wait_for_end(socket);
    if (tool == "late") {
      wait_for_end(socket);
      return respond(socket, right);
    }
    if (tool == "wrong_id") {
      const json other{
          {"jsonrpc", "2.0"}, {"id", id.get<int>() + 1'000}, {"result", {{"content", json::array()}}}};
      return stream(socket, "data: " + other.dump() + "\n\ndata: " + right + "\n\n");
    }
    if (tool == "noise")
      return stream(socket, ": hello\n\ndata: {\n\ndata: [[[\n\nevent: x\ndata: y\n\n\xff\xfe\n\ndata: " +
                                right + "\n\n");
    if (tool == "invalid_utf8") {
      std::string damaged = right;
      damaged.replace(damaged.find("right"), 5, "a\xffz");
      return respond(socket, damaged);
    }
    if (tool == "huge_body") return endless(socket, "application/json", "[");
    if (tool == "huge_event") return endless(socket, "text/event-stream", "data: ");
    if (tool == "huge_head") return send(socket, "HTTP/1.1 200 OK\r\n") && flood(socket, "X-Y: z\r\n");
    if (tool == "cut")
      return send(socket,
                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{") &&
             false;
    if (tool == "drips") {
      bool taken = send(socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
      pollfd gone{socket, POLLIN, 0};
      while (taken && ::poll(&gone, 1, 5) == 0) taken = send(socket, ":");
      return false;
    }
    if (tool == "no_http")
      return send(socket, std::string("\0\1\2 nothing of the kind\r\n\r\n", 27)) && false;
    if (tool == "redirect")
      return send(socket, "HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    if (tool == "hangs_up") return false;
    return respond(socket, right);
  }
  // 100 MB, if they are taken.
  static bool endless(int socket, const char* type, const char* begin) {
    return send(socket, "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) + "\r\n\r\n" + begin) &&
           flood(socket, "x");
  }
  static bool flood(int socket, const std::string& what) {
    std::string block;
    while (block.size() < 1'000'000) block += what;
    for (int i = 0; i < 100; ++i) {
      if (!send(socket, block)) return false;
    }
    return false;
  }

  static constexpr const char* kTools[] = {"good",         "never",     "late",       "wrong_id",  "noise",
                                           "invalid_utf8", "huge_body", "huge_event", "huge_head", "cut",
                                           "drips",        "no_http",   "redirect",   "hangs_up"};
  const int listener_;
  std::string url_;
  std::thread acceptor_;
  std::mutex mutex_;
  std::set<int> sockets_;
  std::vector<std::thread> threads_;  // the acceptor's, then the destructor's
};

class HostileHttpTest : public RegistryFixture {
 protected:
  static std::size_t entries(const char* folder) {
    const auto all = std::filesystem::directory_iterator(folder);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
};

// `./dev e2e hostile` is the long form.
TEST_F(HostileHttpTest, TheWholeKitLeavesNothingBehind) {
  const char* wish = std::getenv("GEMINGA_HOSTILE_ROUNDS");
  const int rounds = wish == nullptr ? 2 : std::stoi(wish);
  options_.settings["h"].max_message_bytes = 1'000'000;
  const std::map<std::string, FailureClass> failures{
      {"never", FailureClass::outcome_unknown},    {"late", FailureClass::outcome_unknown},
      {"huge_body", FailureClass::final},          {"huge_event", FailureClass::final},
      {"cut", FailureClass::outcome_unknown},      {"drips", FailureClass::outcome_unknown},
      {"hangs_up", FailureClass::outcome_unknown}, {"redirect", FailureClass::unknown}};
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  for (int round = 0; round < rounds; ++round) {
    {
      HostileServer server;
      open({{"h", {{"url", server.url()}}}});
      for (const auto& [tool, kind] : failures) {
        const bool waits = tool == "never" || tool == "late" || tool == "drips";
        const CallOptions options{.timeout = waits ? milliseconds{50} : milliseconds{10'000}};
        const auto outcome = call("h", tool, json::object(), options);
        ASSERT_FALSE(outcome) << tool;
        EXPECT_EQ(outcome.error().kind, kind) << tool << ": " << outcome.error().error.message;
      }
      for (const char* tool : {"huge_head", "no_http"}) EXPECT_FALSE(call("h", tool)) << tool;
      for (const char* tool : {"good", "wrong_id", "noise"})
        EXPECT_EQ(text_of(call("h", tool)), "right") << tool;
      EXPECT_EQ(text_of(call("h", "invalid_utf8")), "a\xEF\xBF\xBDz");
      EXPECT_EQ(status("h").restarts, 0U) << "nothing of it takes the server away";
      registry_->stop();
      registry_.reset();
    }
    if (round == 0) {
      descriptors = entries("/proc/self/fd");
      threads = entries("/proc/self/task");
    }
    ASSERT_EQ(entries("/proc/self/fd"), descriptors) << "descriptors in round " << round;
    ASSERT_TRUE(eventually([&] { return entries("/proc/self/task") == threads; }))
        << "threads in round " << round;
  }
}

}  // namespace
}  // namespace geminga::mcp
