#include "wire/mcp/sse_parser.hpp"

#include <gtest/gtest.h>

namespace geminga::wire::mcp {
namespace {

TEST(SseParser, GivesTheSameEventsHoweverTheInputIsSplit) {
  const std::string input =
      "\xEF\xBB\xBF: a comment\r\nevent: first\rdata: a\ndata:b\r\n\r\ndata\n\nid: 7\nretry: 250\nretry: "
      "x\n\nevent: "
      "lost\n\ndata: {\"k\": \"v:w\"}\n\ndata: unfinished";
  for (std::size_t first = 0; first <= input.size(); ++first) {
    SseParser parser(1'000);
    std::vector<SseEvent> events;
    ASSERT_TRUE(parser.feed(std::string_view(input).substr(0, first), events));
    ASSERT_TRUE(parser.feed(std::string_view(input).substr(first), events));
    ASSERT_EQ(events.size(), 3U) << first;
    EXPECT_EQ(events[0].event, "first");
    EXPECT_EQ(events[0].data, "a\nb");
    EXPECT_EQ(events[1].event, "message");
    EXPECT_EQ(events[1].data, "");
    EXPECT_EQ(events[2].event, "message");
    EXPECT_EQ(events[2].data, "{\"k\": \"v:w\"}");
    EXPECT_EQ(parser.last_event_id(), "7");
    EXPECT_EQ(parser.retry_ms(), 250U);
  }
}

TEST(SseParser, RefusesAnEventOverTheLimit) {
  std::vector<SseEvent> events;
  SseParser one_line(100);
  EXPECT_FALSE(one_line.feed("data: " + std::string(200, 'x'), events));
  SseParser many_lines(100);
  Result<> last;
  for (int i = 0; i < 60 && last; ++i) last = many_lines.feed("data: xx\n", events);
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace geminga::wire::mcp
