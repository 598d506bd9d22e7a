#include <fmt/format.h>
#include <gmock/gmock.h>

#include "net/http_server_fixture.hpp"
#include "net/raw_client.hpp"

namespace geminga::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using testing::kSoon;
using testing::RawClient;

class HttpServerStream : public testing::HttpServerTest {};

TEST_F(HttpServerStream, StreamsEventsAsTheyCome) {
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

TEST_F(HttpServerStream, AStreamToAnOldClientEndsWithTheConnection) {
  listen();
  RawClient client(port());
  client.send("GET /wait HTTP/1.0\r\n\r\n");
  auto waiting = shelf_.take(1);
  waiting[0].start_stream().send("data: x\n\n");
  EXPECT_THAT(client.read_until("never"), EndsWith("\r\n\r\ndata: x\n\n"));
}

TEST_F(HttpServerStream, TheSenderLearnsThatTheClientOfAStreamIsGone) {
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

TEST_F(HttpServerStream, AStreamEndsWithWhatItWasLetInBy) {
  HttpServerOptions options;
  options.authorizer = [](const HttpRequest&, const Route*) -> Result<HttpAdmission> {
    return HttpAdmission{.principal = nullptr, .until = std::chrono::steady_clock::now() + 100ms};
  };
  listen(options);
  RawClient client(port());
  client.get("/gone");
  auto waiting = shelf_.take(1);
  EventStream stream = waiting[0].start_stream();
  ASSERT_TRUE(stream.send("data: x\n\n"));
  EXPECT_THAT(client.read_until("0\r\n\r\n"), EndsWith("data: x\n\n\r\n0\r\n\r\n"))
      << "in order, as if it were complete";
  EXPECT_TRUE(gone_.happens_within(kSoon));
  EXPECT_FALSE(stream.send("data: y\n\n"));
  client.get("/hello");
  EXPECT_EQ(client.read_response().status, 200) << "the connection stays";
}

TEST_F(HttpServerStream, OneEventMayBeLargerThanWhatMayWait) {
  listen({.stream_bytes_max = 1 << 10});
  RawClient client(port());
  client.get("/wait");
  auto waiting = shelf_.take(1);
  EventStream stream = waiting[0].start_stream();
  EXPECT_TRUE(stream.send(std::string(100 << 10, 'x') + "the end"));
  EXPECT_THAT(client.read_until("the end\r\n"), EndsWith("xthe end\r\n"));
}

TEST_F(HttpServerStream, AClientThatDoesNotReadItsStreamIsCut) {
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

}  // namespace
}  // namespace geminga::net
