#include <fmt/format.h>
#include <gmock/gmock.h>

#include "net/http_server_fixture.hpp"
#include "net/json_errors.hpp"
#include "net/raw_client.hpp"

namespace geminga::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::kSoon;
using testing::RawClient;
using ::testing::StartsWith;

class HttpServerLimits : public testing::HttpServerTest {};

// --- limits and time-outs ---------------------------------------------------------------------------------

TEST_F(HttpServerLimits, ABodyOverTheLimitIsRefusedBeforeItIsRead) {
  listen({.body_bytes_max = 1'000});
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
  auto response = client.read_response();
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.body, HasSubstr("1000 bytes"));
  EXPECT_TRUE(client.closed_within(kSoon));

  RawClient exact(port());
  exact.post("/echo", std::string(1'000, 'x'));
  EXPECT_EQ(exact.read_response().status, 200);
}

TEST_F(HttpServerLimits, AChunkedBodyOverTheLimitIsRefusedAndTheAnswerArrives) {
  listen({.body_bytes_max = 100'000});
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  for (int i = 0; i < 100; ++i) client.send(chunk);
  EXPECT_EQ(client.read_response().status, 413);
}

TEST_F(HttpServerLimits, AHeadOverTheLimitIsRefused) {
  listen();
  RawClient client(port());
  client.get("/hello", "X-Long: " + std::string(16 << 10, 'x') + "\r\n");
  EXPECT_EQ(client.read_response().status, 431);
  RawClient fits(port());
  fits.get("/hello", "X-Long: " + std::string(15 << 10, 'x') + "\r\n");
  EXPECT_EQ(fits.read_response().status, 200);
}

TEST_F(HttpServerLimits, AChunkHeadWithoutAnEndIsRefused) {
  listen();
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  const std::string extension(16 << 10, 'x');
  for (int i = 0; i < 64; ++i) client.send(extension);
  EXPECT_THAT(client.read_response().status, ::testing::AnyOf(400, 431));
}

TEST_F(HttpServerLimits, AClientThatSendsItsHeadTooSlowlyIsClosed) {
  listen({.header_timeout = 50ms});
  RawClient silent(port());
  EXPECT_TRUE(silent.closed_within(kSoon));
  RawClient slow(port());
  slow.send("GET /hello HTTP/1.1\r\nHost:");
  EXPECT_EQ(slow.read_response().status, 408);
  EXPECT_TRUE(slow.closed_within(kSoon));
}

TEST_F(HttpServerLimits, TheHeaderTimeoutIsNotProlongedByEachByte) {
  listen({.header_timeout = 100ms});
  RawClient client(port());
  const auto start = std::chrono::steady_clock::now();
  client.send("GET /hello HTTP/1.1\r\nX: ");
  while (std::chrono::steady_clock::now() - start < kSoon && !client.closed_within(10ms)) client.send("x");
  EXPECT_LT(std::chrono::steady_clock::now() - start, kSoon);
}

TEST_F(HttpServerLimits, AClientThatSendsItsBodyTooSlowlyGets408) {
  listen({.body_timeout = 50ms});
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  EXPECT_EQ(client.read_response().status, 408);
  EXPECT_TRUE(client.closed_within(kSoon));
}

TEST_F(HttpServerLimits, AnIdleConnectionIsClosedButNotAWaitingOne) {
  listen({.header_timeout = 50ms, .body_timeout = 50ms, .idle_timeout = 50ms, .write_timeout = 50ms});
  RawClient waiting(port());
  waiting.get("/wait");
  auto responders = shelf_.take(1);
  RawClient idle(port());
  idle.get("/hello");
  EXPECT_EQ(idle.read_response().status, 200);
  EXPECT_TRUE(idle.closed_within(kSoon));
  responders[0].respond(HttpResponse::text(200, "patience"));
  EXPECT_EQ(waiting.read_response().body, "patience");
}

TEST_F(HttpServerLimits, AClientThatDoesNotReadItsAnswerIsClosed) {
  listen({.write_timeout = 100ms, .metrics = &metrics_});
  RawClient client(port());
  client.get("/big");
  const auto open = metrics_.gauge("geminga_http_connections", "Open HTTP connections.");
  RawClient other(port());
  other.get("/hello");
  ASSERT_EQ(other.read_response().status, 200);
  ASSERT_EQ(open.value(), 2);
  const auto end = std::chrono::steady_clock::now() + kSoon;
  while (open.value() > 1 && std::chrono::steady_clock::now() < end) {
    other.get("/hello");
    ASSERT_EQ(other.read_response().status, 200);
  }
  EXPECT_EQ(open.value(), 1);
}

TEST_F(HttpServerLimits, OverTheLimitOfConnectionsTheAnswerIs503) {
  listen({.connections_max = 1});
  RawClient first(port());
  first.get("/hello");
  ASSERT_EQ(first.read_response().status, 200);
  RawClient second(port());
  EXPECT_EQ(second.read_response().status, 503);
  first.get("/hello");
  EXPECT_EQ(first.read_response().status, 200);
}

// --- requests that are wrong ------------------------------------------------------------------------------

TEST_F(HttpServerLimits, MalformedRequestsAreRefused) {
  listen();
  const struct {
    std::string request;
    int status;
  } cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", 400},
      {"GET /hello\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
      {"GET /a//b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /..%2fhello HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET http://a/hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404},
      {"GET /hello/ HTTP/1.1\r\nHost: a\r\n\r\n", 404},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: magic\r\n\r\n", 417},
  };
  for (const auto& [request, status] : cases) {
    RawClient client(port());
    client.send(request);
    const auto response = client.read_response();
    EXPECT_EQ(response.status, status) << request;
    EXPECT_THAT(response.body, StartsWith("{\"error\":\"")) << request;
  }
}

TEST_F(HttpServerLimits, TheWrongMethodIsToldTheRightOnes) {
  listen();
  RawClient client(port());
  client.send("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.header("Allow"), "GET, HEAD");
  client.get("/hello");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(HttpServerLimits, GuardsStandBeforeEveryRouteAndBeforeTheBody) {
  listen({.guards = {[](const HttpRequest& head, const Route*) -> std::optional<HttpResponse> {
            if (head.header("X-Key") == "open") return std::nullopt;
            return error_response(Error{ErrorCode::forbidden, "no key"});
          }}});
  for (const std::string request :
       {"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"}) {
    RawClient client(port());
    client.send(request);
    EXPECT_EQ(client.read_response().status, 403) << request;
  }
  RawClient client(port());
  client.get("/hello", "X-Key: open\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

}  // namespace
}  // namespace geminga::net
