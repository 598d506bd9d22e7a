#include "net/http_server.hpp"

#include <condition_variable>
#include <future>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/metrics.hpp"
#include "net/json_errors.hpp"
#include "net/raw_client.hpp"

namespace geminga::net {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;

constexpr auto kSoon = 5s;

/// Responders that handlers put aside, for the test to answer.
class Shelf {
 public:
  void put(Responder responder) {
    const std::lock_guard lock(mutex_);
    responders_.push_back(std::move(responder));
    changed_.notify_all();
  }
  std::vector<Responder> take(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kSoon, [&] { return responders_.size() >= count; }));
    return std::exchange(responders_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Responder> responders_;
};

/// A thing that happens once.
class Event {
 public:
  void set() { promise_.set_value(); }
  [[nodiscard]] bool happens_within(std::chrono::milliseconds time) const {
    return future_.wait_for(time) == std::future_status::ready;
  }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

class HttpServerTest : public ::testing::Test {
 protected:
  void listen(HttpServerOptions options = {}) {
    Router router;
    router.get("/hello", [](HttpRequest request, Responder responder) {
      responder.respond(
          HttpResponse::text(200, "hello " + std::string(request.query_value("name").value_or("you"))));
    });
    router.post("/echo", [](HttpRequest request, Responder responder) {
      responder.respond(HttpResponse::json(200, std::move(request.body)));
    });
    router.get("/wait", [this](HttpRequest, Responder responder) { shelf_.put(std::move(responder)); });
    router.get("/gone", [this](HttpRequest, Responder responder) {
      responder.on_client_gone([this] { gone_.set(); });
      shelf_.put(std::move(responder));
    });
    router.get("/drop", [](HttpRequest, Responder) {});
    router.get("/throw", [](HttpRequest, Responder) { throw std::runtime_error("secret detail"); });
    router.get("/big", [](HttpRequest, Responder responder) {
      responder.respond(HttpResponse::text(200, std::string(64 << 20, 'x')));
    });
    router.get("/headers", [](HttpRequest request, Responder responder) {
      HttpResponse response = HttpResponse::text(200, std::string(request.header("x-one")));
      response.headers.add("X-Back", "a\r\nInjected: yes");
      responder.respond(std::move(response));
    });
    server_ = HttpServer::listen(std::move(options), std::move(router)).value();
  }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

  base::Metrics metrics_;
  Shelf shelf_;
  Event gone_;
  std::unique_ptr<HttpServer> server_;
};

// --- plain exchanges --------------------------------------------------------------------------------------

TEST_F(HttpServerTest, AnswersOneRequestAfterTheOtherOnOneConnection) {
  listen();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.get(fmt::format("/hello?name={}", i)));
    const auto response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, fmt::format("hello {}", i));
    EXPECT_EQ(response.header("Connection"), "keep-alive");
  }
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  listen();
  RawClient client(port());
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += fmt::format("GET /hello?name={} HTTP/1.1\r\nHost: localhost\r\n\r\n", i);
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.read_response().body, fmt::format("hello {}", i));
}

TEST_F(HttpServerTest, WhatIsPipelinedBehindAWaitingRequestComesAfterIt) {
  listen();
  RawClient client(port());
  client.get("/wait");
  auto waiting = shelf_.take(1);
  client.get("/hello");
  waiting[0].respond(HttpResponse::text(200, "first"));
  EXPECT_EQ(client.read_response().body, "first");
  EXPECT_EQ(client.read_response().body, "hello you");
}

TEST_F(HttpServerTest, ARequestInOneBytePiecesIsARequest) {
  listen();
  RawClient client(port());
  for (const char c : std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 2\r\n\r\n{}"))
    ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.read_response().body, "{}");
}

TEST_F(HttpServerTest, TakesChunkedBodies) {
  listen();
  RawClient client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "{\"a\":1}");
}

TEST_F(HttpServerTest, HeadHasTheLengthButNoBody) {
  listen();
  RawClient client(port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto response = client.read_response(/*head_only=*/true);
  EXPECT_EQ(response.header("Content-Length"), "9");
  client.get("/hello");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(HttpServerTest, ConnectionCloseAndHttp10AreHonoured) {
  listen();
  for (const std::string head :
       {"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /hello HTTP/1.0\r\n\r\n"}) {
    RawClient client(port());
    client.send(head);
    const auto response = client.read_response();
    EXPECT_EQ(response.body, "hello you");
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(client.closed_within(kSoon));
  }
}

TEST_F(HttpServerTest, AClientThatAsksFirstIsToldToContinue) {
  listen();
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n"));
  client.send("{}");
  EXPECT_EQ(client.read_response().body, "{}");
}

TEST_F(HttpServerTest, HeaderNamesHaveNoCaseAndValuesStayOneLine) {
  listen();
  RawClient client(port());
  client.get("/headers", "X-ONE:  spaced value \r\n");
  const auto response = client.read_response();
  EXPECT_EQ(response.body, "spaced value");
  EXPECT_EQ(response.header("Injected"), "");
  EXPECT_EQ(response.header("X-Content-Type-Options"), "nosniff");
}

// --- answers from elsewhere -------------------------------------------------------------------------------

TEST_F(HttpServerTest, AThousandRequestsWaitAndAreAnsweredFromAnotherThread) {
  rlimit files{};  // both ends are in this process, and the usual limit is 1,024
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4'096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  listen();
  constexpr std::size_t kClients = 1'000;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(clients.back()->get("/wait"));
  }
  std::vector<Responder> waiting = shelf_.take(kClients);
  std::thread answers([&] {
    for (Responder& responder : waiting) responder.respond(HttpResponse::text(200, "at last"));
  });
  std::size_t answered = 0;
  for (const auto& client : clients) answered += client->read_response().body == "at last";
  answers.join();
  EXPECT_EQ(answered, kClients);
}

TEST_F(HttpServerTest, ADroppedResponderAndAHandlerThatThrowsAnswer500WithoutDetails) {
  listen();
  RawClient client(port());
  client.get("/drop");
  EXPECT_EQ(client.read_response().status, 500);
  client.get("/throw");
  const auto response = client.read_response();
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, AllOf(HasSubstr("\"error\":\"internal\""), Not(HasSubstr("secret"))));
  client.get("/hello");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(HttpServerTest, TheHandlerLearnsThatItsClientIsGone) {
  listen();
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  client.close();
  EXPECT_TRUE(gone_.happens_within(kSoon));
  waiting[0].respond(HttpResponse::text(200, "nobody hears it"));
}

TEST_F(HttpServerTest, TheHandlerLearnsThatItsClientHasReset) {
  listen();
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  client.reset();
  EXPECT_TRUE(gone_.happens_within(kSoon));
}

TEST_F(HttpServerTest, AClientThatOnlyShutItsSendingSideGetsItsAnswer) {
  listen();
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  client.shut_sending();
  EXPECT_TRUE(gone_.happens_within(kSoon));
  waiting[0].respond(HttpResponse::text(200, "still here"));
  EXPECT_EQ(client.read_response().body, "still here");
  EXPECT_TRUE(client.closed_within(kSoon));
}

TEST_F(HttpServerTest, AResponderMayOutliveTheServer) {
  listen();
  RawClient client(port());
  client.get("/wait");
  auto waiting = shelf_.take(1);
  server_->stop(0ms);
  server_.reset();
  waiting[0].respond(HttpResponse::text(200, "too late"));
  EXPECT_TRUE(client.closed_within(kSoon));
}

// --- streams ----------------------------------------------------------------------------------------------

TEST_F(HttpServerTest, StreamsEventsAsTheyCome) {
  listen();
  RawClient client(port());
  client.get("/wait");
  auto waiting = shelf_.take(1);
  EventStream stream = waiting[0].start_stream();
  const auto head = client.read_response();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.header("Transfer-Encoding"), "chunked");
  ASSERT_TRUE(stream.send(format_event("one", "step", "1")));
  EXPECT_EQ(client.read_until("\n\n\r\n"), "1d\r\nevent: step\nid: 1\ndata: one\n\n\r\n");
  ASSERT_TRUE(stream.send(format_event("two")));
  EXPECT_EQ(client.read_until("\n\n\r\n"), "b\r\ndata: two\n\n\r\n");
  stream.close();
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
  client.get("/hello");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(HttpServerTest, AStreamToAnOldClientEndsWithTheConnection) {
  listen();
  RawClient client(port());
  client.send("GET /wait HTTP/1.0\r\n\r\n");
  auto waiting = shelf_.take(1);
  waiting[0].start_stream().send("data: x\n\n");
  EXPECT_THAT(client.read_until("never"), EndsWith("\r\n\r\ndata: x\n\n"));
}

TEST_F(HttpServerTest, TheSenderLearnsThatTheClientOfAStreamIsGone) {
  listen();
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  EventStream stream = waiting[0].start_stream();
  ASSERT_TRUE(stream.send("data: x\n\n"));
  client.read_until("data: x\n\n");
  client.close();
  EXPECT_TRUE(gone_.happens_within(kSoon));
  EXPECT_FALSE(stream.open());
  EXPECT_FALSE(stream.send("data: y\n\n"));
}

TEST_F(HttpServerTest, AClientThatDoesNotReadItsStreamIsCut) {
  listen({.stream_bytes_max = 64 << 10});
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  EventStream stream = waiting[0].start_stream();
  const std::string event(1 << 10, 'x');
  std::size_t sent = 0;
  while (sent < (64 << 20) && stream.send(event)) sent += event.size();
  EXPECT_LT(sent, 64U << 20);
  EXPECT_TRUE(gone_.happens_within(kSoon));
}

TEST(FormatEvent, SplitsDataAtLineEndsAndKeepsFieldsOnOneLine) {
  EXPECT_EQ(format_event("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(format_event("", "x\ndata: forged"), "event: x data: forged\ndata: \n\n");
}

// --- limits and time-outs ---------------------------------------------------------------------------------

TEST_F(HttpServerTest, ABodyOverTheLimitIsRefusedBeforeItIsRead) {
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

TEST_F(HttpServerTest, AChunkedBodyOverTheLimitIsRefusedAndTheAnswerArrives) {
  listen({.body_bytes_max = 100'000});
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  for (int i = 0; i < 100; ++i) client.send(chunk);
  EXPECT_EQ(client.read_response().status, 413);
}

TEST_F(HttpServerTest, AHeadOverTheLimitIsRefused) {
  listen();
  RawClient client(port());
  client.get("/hello", "X-Long: " + std::string(16 << 10, 'x') + "\r\n");
  EXPECT_EQ(client.read_response().status, 431);
  RawClient fits(port());
  fits.get("/hello", "X-Long: " + std::string(15 << 10, 'x') + "\r\n");
  EXPECT_EQ(fits.read_response().status, 200);
}

TEST_F(HttpServerTest, AChunkHeadWithoutAnEndIsRefused) {
  listen();
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  const std::string extension(16 << 10, 'x');
  for (int i = 0; i < 64; ++i) client.send(extension);
  EXPECT_THAT(client.read_response().status, ::testing::AnyOf(400, 431));
}

TEST_F(HttpServerTest, AClientThatSendsItsHeadTooSlowlyIsClosed) {
  listen({.header_timeout = 50ms});
  RawClient silent(port());
  EXPECT_TRUE(silent.closed_within(kSoon));
  RawClient slow(port());
  slow.send("GET /hello HTTP/1.1\r\nHost:");
  EXPECT_EQ(slow.read_response().status, 408);
  EXPECT_TRUE(slow.closed_within(kSoon));
}

TEST_F(HttpServerTest, TheHeaderTimeoutIsNotProlongedByEachByte) {
  listen({.header_timeout = 100ms});
  RawClient client(port());
  const auto start = std::chrono::steady_clock::now();
  client.send("GET /hello HTTP/1.1\r\nX: ");
  while (std::chrono::steady_clock::now() - start < kSoon && !client.closed_within(10ms)) client.send("x");
  EXPECT_LT(std::chrono::steady_clock::now() - start, kSoon);
}

TEST_F(HttpServerTest, AClientThatSendsItsBodyTooSlowlyGets408) {
  listen({.body_timeout = 50ms});
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  EXPECT_EQ(client.read_response().status, 408);
  EXPECT_TRUE(client.closed_within(kSoon));
}

TEST_F(HttpServerTest, AnIdleConnectionIsClosedButNotAWaitingOne) {
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

TEST_F(HttpServerTest, AClientThatDoesNotReadItsAnswerIsClosed) {
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

TEST_F(HttpServerTest, OverTheLimitOfConnectionsTheAnswerIs503) {
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

TEST_F(HttpServerTest, MalformedRequestsAreRefused) {
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

TEST_F(HttpServerTest, TheWrongMethodIsToldTheRightOnes) {
  listen();
  RawClient client(port());
  client.send("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.header("Allow"), "GET, HEAD");
  client.get("/hello");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(HttpServerTest, GuardsStandBeforeEveryRouteAndBeforeTheBody) {
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

// --- starting and stopping --------------------------------------------------------------------------------

TEST_F(HttpServerTest, StopLetsAnswersInFlightFinish) {
  listen();
  RawClient idle(port());
  idle.get("/hello");
  idle.read_response();
  RawClient client(port());
  client.get("/wait");
  auto waiting = shelf_.take(1);
  std::thread stopping([&] { server_->stop(kSoon); });
  EXPECT_TRUE(idle.closed_within(kSoon));  // the stop has begun
  waiting[0].respond(HttpResponse::text(200, "in time"));
  const auto response = client.read_response();
  EXPECT_EQ(response.body, "in time");
  EXPECT_EQ(response.header("Connection"), "close");
  stopping.join();
  EXPECT_TRUE(client.closed_within(kSoon));
}

TEST_F(HttpServerTest, StopDoesNotWaitLongerThanItsDeadline) {
  listen();
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  const auto start = std::chrono::steady_clock::now();
  server_->stop(50ms);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  EXPECT_TRUE(gone_.happens_within(0ms));
  EXPECT_TRUE(client.closed_within(kSoon));
  server_->stop(50ms);
}

TEST_F(HttpServerTest, StopEndsStreams) {
  listen();
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  EventStream stream = waiting[0].start_stream();
  stream.send("data: x\n\n");
  client.read_until("data: x\n\n\r\n");
  server_->stop(kSoon);
  EXPECT_TRUE(gone_.happens_within(0ms));
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_FALSE(stream.send("data: y\n\n"));
}

TEST_F(HttpServerTest, APortInUseIsNamedWithItsHolder) {
  listen();
  const auto second = HttpServer::listen({.port = port()}, Router());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_THAT(second.error().message,
              AllOf(HasSubstr(server_->endpoint()), HasSubstr(fmt::format("process {} (", ::getpid()))));
}

TEST(HttpServerListen, BadAddressesAreConfigurationErrors) {
  for (const std::string address : {"", "not an address", "999.1.1.1"}) {
    const auto server = HttpServer::listen({.address = address}, Router());
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().code, ErrorCode::config_error) << server.error().message;
  }
  const auto foreign = HttpServer::listen({.address = "192.0.2.1"}, Router());
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::io_error);
}

TEST_F(HttpServerTest, CountsRequestsByRouteAndStatus) {
  listen({.metrics = &metrics_});
  RawClient client(port());
  client.get("/hello?name=a");
  client.read_response();
  client.get("/missing");
  client.read_response();
  server_->stop(kSoon);
  const std::string text = metrics_.exposition();
  EXPECT_THAT(text,
              HasSubstr("geminga_http_requests_total{method=\"GET\",route=\"/hello\",status=\"200\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("geminga_http_requests_total{method=\"none\",route=\"none\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("geminga_http_connections 0\n"));
}

}  // namespace
}  // namespace geminga::net
