#include "bus/ack_timeouts.hpp"

#include <gtest/gtest.h>

namespace geminga::bus {
namespace {

using namespace std::chrono_literals;

constexpr base::MonotonicTime kBegin{1h};

TEST(AckTimeouts, OneWatchIsEnoughHoweverManyComeAndGo) {
  AckTimeouts timeouts;
  for (const bool first : {true, false, false}) {
    EXPECT_EQ(timeouts.add(kBegin, {.tag = 1, .delivery = {}, .kept = nullptr}), first);
    timeouts.remove(1);
  }
  EXPECT_FALSE(timeouts.take_due(kBegin).next);
  EXPECT_TRUE(timeouts.add(kBegin, {.tag = 1, .delivery = {}, .kept = nullptr}));
}

TEST(AckTimeouts, TheWatchGoesOnToTheNext) {
  AckTimeouts timeouts;
  timeouts.add(kBegin, {.tag = 1, .delivery = {}, .kept = nullptr});
  timeouts.add(kBegin + 1s, {.tag = 2, .delivery = {}, .kept = nullptr});
  const auto due = timeouts.take_due(kBegin);
  ASSERT_EQ(due.held.size(), 1U);
  EXPECT_EQ(due.held[0].tag, 1U);
  EXPECT_EQ(due.next, kBegin + 1s);
  EXPECT_FALSE(timeouts.add(kBegin + 2s, {.tag = 3, .delivery = {}, .kept = nullptr}));
}

TEST(AckTimeouts, AMessageThatComesAgainHasItsWholeTime) {
  AckTimeouts timeouts;
  timeouts.add(kBegin, {.tag = 1, .delivery = {}, .kept = nullptr});
  timeouts.add(kBegin + 1s, {.tag = 1, .delivery = {}, .kept = nullptr});
  EXPECT_TRUE(timeouts.take_due(kBegin).held.empty());
  timeouts.remove(1);
  EXPECT_TRUE(timeouts.take_due(kBegin + 1s).held.empty());
}

}  // namespace
}  // namespace geminga::bus
