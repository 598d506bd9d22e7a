#include "cli/event_lines.hpp"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::cli {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

TEST(EventLines, TakesEventsInPiecesOfAnySize) {
  const std::string stream =
      ": hello\nevent: PENDING\ndata: {\"a\":1}\n\ndata: one\r\ndata:two\r\n\r\nid: 5\n\n";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    Events events;
    EventLines lines([&](const std::string& event, const std::string& data) {
      events.emplace_back(event, data);
      return true;
    });
    for (std::size_t at = 0; at < stream.size(); at += size)
      EXPECT_TRUE(lines.take(std::string_view(stream).substr(at, size)));
    EXPECT_EQ(events, (Events{{"PENDING", "{\"a\":1}"}, {"message", "one\ntwo"}})) << "in pieces of " << size;
  }
}

TEST(EventLines, EndsWhenItWasTold) {
  int calls = 0;
  EventLines lines([&](const std::string&, const std::string&) { return ++calls < 2; });
  EXPECT_FALSE(lines.take("data: 1\n\ndata: 2\n\ndata: 3\n\n"));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace geminga::cli
