#include "net/http_server.hpp"

#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "net/http_server_fixture.hpp"
#include "net/raw_client.hpp"

namespace geminga::net {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::HttpServerTest;
using testing::kSoon;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;

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
