#include "net/http_client.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <cstdlib>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/event_loop.hpp"
#include "net/http_url.hpp"

namespace geminga::net {
namespace {

// A server that does byte for byte what a test says, one connection at a time.
class RawServer {
 public:
  using Serve = std::function<void(int socket)>;

  explicit RawServer(Serve serve) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    ::listen(listener_, 8);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      for (int socket = ::accept(listener_, nullptr, nullptr); socket >= 0;
           socket = ::accept(listener_, nullptr, nullptr)) {
        ++connections;
        current_ = socket;
        serve(socket);
        current_ = -1;
        ::close(socket);
      }
    });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    if (const int socket = current_; socket >= 0) ::shutdown(socket, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string url(const std::string& path = "/x") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::atomic<int> connections{0};

 private:
  int listener_;
  std::atomic<int> current_{-1};
  int port_ = 0;
  std::thread thread_;
};

// Reads one request with its body ("Content-Length: N"); empty at the end of the connection.
std::string read_request(int socket) {
  std::string got;
  char buffer[4096];
  while (true) {
    const std::size_t head = got.find("\r\n\r\n");
    if (head != std::string::npos) {
      const std::size_t at = got.find("Content-Length: ");
      const std::size_t body = at == std::string::npos ? 0 : std::stoul(got.substr(at + 16));
      if (got.size() >= head + 4 + body) return got;
    }
    const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
    if (count <= 0) return {};
    got.append(buffer, static_cast<std::size_t>(count));
  }
}

void answer(int socket, const std::string& text) {
  ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
}

std::string ok(const std::string& body, const std::string& extra = "") {
  return "HTTP/1.1 200 OK\r\n" + extra + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class HttpClientTest : public testing::Test {
 protected:
  // A proxy that the machine has would stand between these tests and their servers.
  static void SetUpTestSuite() {
    for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
                             "NO_PROXY", "HTTP_PROXY"})
      ::unsetenv(name);
  }

  Result<ClientResponse> fetch(ClientRequest request) {
    auto [id, future] = start(std::move(request));
    return wait(future);
  }
  std::pair<std::uint64_t, std::future<Result<ClientResponse>>> start(ClientRequest request) {
    auto promise = std::make_shared<std::promise<Result<ClientResponse>>>();
    auto future = promise->get_future();
    const std::uint64_t id = client_.send(std::move(request), [promise, this](Result<ClientResponse> result) {
      EXPECT_TRUE(loop_.here());
      promise->set_value(std::move(result));
    });
    return {id, std::move(future)};
  }
  static Result<ClientResponse> wait(std::future<Result<ClientResponse>>& future) {
    if (future.wait_for(std::chrono::seconds{10}) != std::future_status::ready)
      return fail(ErrorCode::internal, "no answer in 10 s");
    return future.get();
  }
  static ErrorCode code_of(const Result<ClientResponse>& result) {
    return result ? ErrorCode::internal : result.error().code;
  }

  base::EventLoop loop_{"test"};
  HttpClient client_{loop_};
};

TEST_F(HttpClientTest, SendsMethodHeadersAndBodyAndReusesTheConnection) {
  std::vector<std::string> seen;
  RawServer server([&](int socket) {
    for (std::string request = read_request(socket); !request.empty(); request = read_request(socket)) {
      seen.push_back(request);
      answer(socket, ok("hello", "X-Two: a\r\nx-two: b\r\n"));
    }
  });
  const auto post =
      fetch({.method = "POST", .url = server.url("/a?b=c"), .headers = {{"X-One", "1"}}, .body = "body"});
  ASSERT_TRUE(post) << post.error().message;
  EXPECT_EQ(post->status, 200);
  EXPECT_EQ(post->body, "hello");
  EXPECT_EQ(post->headers.count("X-TWO"), 2U);
  ASSERT_TRUE(fetch({.method = "DELETE", .url = server.url()}));
  ASSERT_TRUE(fetch({.url = server.url()}));
  EXPECT_EQ(server.connections, 1);
  client_.stop();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_TRUE(seen[0].starts_with("POST /a?b=c HTTP/1.1\r\n")) << seen[0];
  EXPECT_TRUE(seen[0].ends_with("\r\n\r\nbody"));
  EXPECT_NE(seen[0].find("X-One: 1\r\n"), std::string::npos);
  EXPECT_EQ(seen[0].find("Expect"), std::string::npos);
  EXPECT_TRUE(seen[1].starts_with("DELETE /x "));
}

TEST_F(HttpClientTest, AStatusIsNoError) {
  RawServer server([](int socket) {
    read_request(socket);
    answer(socket, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
  });
  const auto got = fetch({.method = "POST", .url = server.url()});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 503);
  EXPECT_EQ(got->headers.get("retry-after"), "7");
}

TEST_F(HttpClientTest, WhatNeverLeftIsNotSent) {
  std::string refused;
  {
    const RawServer gone([](int) {});
    refused = gone.url();
  }
  EXPECT_EQ(code_of(fetch({.url = refused})), ErrorCode::not_sent);
  EXPECT_EQ(code_of(fetch({.url = "http://no-such-host.invalid/"})), ErrorCode::not_sent);
  RawServer no_tls([](int socket) {
    char first = 0;
    ::recv(socket, &first, 1, 0);
    answer(socket, "this is no TLS");
  });
  EXPECT_EQ(code_of(fetch({.url = "https" + no_tls.url().substr(4)})), ErrorCode::not_sent);
  for (const char* url : {"", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "not a url"})
    EXPECT_EQ(code_of(fetch({.url = url})), ErrorCode::invalid_argument) << url;
}

TEST_F(HttpClientTest, WhatLeftAndWasNotAnsweredIsUnknown) {
  RawServer closes([](int socket) { read_request(socket); });
  EXPECT_EQ(code_of(fetch({.method = "POST", .url = closes.url(), .body = "x"})), ErrorCode::outcome_unknown);
  RawServer cuts([](int socket) {
    read_request(socket);
    answer(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  EXPECT_EQ(code_of(fetch({.method = "POST", .url = cuts.url(), .body = "x"})), ErrorCode::outcome_unknown);
  RawServer silent([](int socket) {
    read_request(socket);
    read_request(socket);  // until the client gives up
  });
  const auto late =
      fetch({.method = "POST", .url = silent.url(), .body = "x", .timeout = std::chrono::milliseconds{100}});
  EXPECT_EQ(code_of(late), ErrorCode::outcome_unknown);
}

TEST_F(HttpClientTest, NeverSendsARequestTwiceWhenAKeptConnectionDies) {
  std::atomic<int> requests{0};
  RawServer server([&](int socket) {
    if (read_request(socket).empty()) return;
    ++requests;
    answer(socket, ok("first"));
    if (!read_request(socket).empty()) ++requests;  // and closes without an answer
  });
  ASSERT_TRUE(fetch({.method = "POST", .url = server.url(), .body = "one"}));
  EXPECT_EQ(code_of(fetch({.method = "POST", .url = server.url(), .body = "two"})),
            ErrorCode::outcome_unknown);
  EXPECT_EQ(requests, 2);
}

TEST_F(HttpClientTest, CancelsAndStops) {
  std::promise<void> arrived;
  RawServer server([&](int socket) {
    read_request(socket);
    arrived.set_value();
    read_request(socket);
  });
  auto [id, future] = start({.method = "POST", .url = server.url(), .body = "x"});
  arrived.get_future().wait();
  client_.cancel(id);
  EXPECT_EQ(code_of(wait(future)), ErrorCode::outcome_unknown);
  client_.cancel(id);
  client_.stop();
  EXPECT_EQ(code_of(fetch({.url = server.url()})), ErrorCode::closed);
}

TEST_F(HttpClientTest, StopEndsWhatRuns) {
  std::promise<void> arrived;
  RawServer server([&](int socket) {
    read_request(socket);
    arrived.set_value();
    read_request(socket);
  });
  auto [id, future] = start({.url = server.url(), .timeout = std::chrono::milliseconds{0}});
  arrived.get_future().wait();
  client_.stop();
  EXPECT_EQ(code_of(wait(future)), ErrorCode::closed);
}

TEST_F(HttpClientTest, PublicOnlyRefusesWhateverNameThisMachineHas) {
  RawServer server([](int socket) { ::shutdown(socket, SHUT_RDWR); });
  std::string by_name = server.url();
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  for (const std::string& url : {server.url(), by_name}) {
    EXPECT_EQ(code_of(fetch({.url = url, .public_only = true})), ErrorCode::forbidden) << url;
  }
  EXPECT_EQ(server.connections, 0);
}

TEST_F(HttpClientTest, PublicOnlyMayTakeOneKindOfAddressMore) {
  RawServer server([](int socket) {
    read_request(socket);
    answer(socket, ok("here"));
  });
  const auto code = [&](AddressKind kind) {
    return code_of(fetch({.url = server.url(), .public_only = true, .or_kind = kind}));
  };
  EXPECT_TRUE(fetch({.url = server.url(), .public_only = true, .or_kind = AddressKind::this_machine}));
  EXPECT_EQ(code(AddressKind::private_network), ErrorCode::forbidden);
  EXPECT_EQ(code(AddressKind::special), ErrorCode::forbidden);
  EXPECT_EQ(server.connections, 1);
}

TEST_F(HttpClientTest, PublicOnlyIsCheckedWhereNoProxyMakesTheConnection) {
  RawServer proxy([](int socket) { ::shutdown(socket, SHUT_RDWR); });
  const auto refused = [&](const char* name, const std::string& value, const std::string& url) {
    ::setenv(name, value.c_str(), 1);
    const auto answered =
        fetch({.url = url, .connect_timeout = std::chrono::milliseconds{500}, .public_only = true});
    ::unsetenv(name);
    return code_of(answered) == ErrorCode::forbidden;
  };
  EXPECT_TRUE(refused("http_proxy", "", "http://10.1.2.3/")) << "an empty one is none";
  EXPECT_TRUE(refused("https_proxy", proxy.url(""), "http://10.1.2.3/")) << "of another scheme";
  EXPECT_TRUE(refused("http_proxy", proxy.url(""), proxy.url())) << "no proxy leads to this machine";
  EXPECT_EQ(proxy.connections, 0);
}

TEST_F(HttpClientTest, AHeaderMayBeEmpty) {
  std::string seen;
  RawServer server([&](int socket) {
    seen = read_request(socket);
    answer(socket, ok(""));
  });
  const auto answered =
      fetch({.method = "POST", .url = server.url(), .headers = {{"X-None", ""}, {"X-One", "1"}}});
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_NE(seen.find("\r\nX-None:\r\nX-One: 1\r\n"), std::string::npos) << seen;
  for (const char* unasked : {"Expect:", "Content-Type:"})
    EXPECT_EQ(seen.find(unasked), std::string::npos) << seen;
}

TEST_F(HttpClientTest, PublicOnlyLeavesEveryAddressToTheProxyWhereThereIsOne) {
  std::string seen;
  RawServer proxy([&](int socket) {
    seen = read_request(socket);
    answer(socket, ok("by proxy"));
  });
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  ::setenv("no_proxy", "*", 1);
  const auto answered = fetch({.url = "http://10.1.2.3/x", .public_only = true});
  ::unsetenv("http_proxy");
  ::unsetenv("no_proxy");
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(answered->body, "by proxy");
  EXPECT_TRUE(seen.starts_with("GET http://10.1.2.3/x ")) << seen;
}

TEST_F(HttpClientTest, RefusesAnAnswerOverTheLimit) {
  RawServer server([](int socket) {
    read_request(socket);
    answer(socket, ok(std::string(100'000, 'x')));
  });
  EXPECT_EQ(code_of(fetch({.url = server.url(), .max_response_bytes = 1'000})), ErrorCode::too_large);
}

TEST_F(HttpClientTest, StreamsAndSlowsTheSenderDown) {
  constexpr std::size_t kPieces = 400;
  const std::string piece(65'536, 'x');  // 25 MB in all, three times what may wait for the loop
  std::promise<void> head_seen;
  RawServer server([&](int socket) {
    read_request(socket);
    answer(socket, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    head_seen.get_future().wait();  // the head must not wait for the body
    for (std::size_t i = 0; i < kPieces; ++i) answer(socket, piece);
  });
  std::size_t taken = 0;
  const auto got = fetch({.url = server.url(),
                          .timeout = std::chrono::milliseconds{0},
                          .max_response_bytes = 10,
                          .on_head =
                              [&](int status, const HttpHeaders& headers) {
                                EXPECT_EQ(status, 200);
                                EXPECT_EQ(headers.get("content-type"), "text/event-stream");
                                head_seen.set_value();
                              },
                          .on_data = [&](std::string_view text) { taken += text.size(); }});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(taken, kPieces * piece.size());
  EXPECT_TRUE(got->body.empty());
}

TEST_F(HttpClientTest, KeepsSecretsOutOfMessages) {
  EXPECT_EQ(loggable_url("https://user:secret@host:81/p?token=secret#x"), "https://host:81/p");
  EXPECT_EQ(loggable_url("::bad?secret"), "::bad");
  EXPECT_EQ(loggable_url("https://user:secret@host:999999/"), "host:999999/");
}

}  // namespace
}  // namespace geminga::net
