#include "broker/recipients.hpp"

#include <gtest/gtest.h>

namespace geminga::broker {
namespace {

Recipient named(std::string name, std::uint32_t priority = 0) {
  return {.name = std::move(name), .priority = priority, .messages = 1, .bytes = 1};
}

TEST(Recipients, ActiveIsTheFirstOfTheLowestPriorityNumber) {
  Recipients all(-1);
  EXPECT_EQ(all.active(), 0U);
  all.add(1, named("z", 2));
  all.add(2, named("y", 1));
  all.add(3, named("a", 1));
  EXPECT_EQ(all.active(), 2U) << "the longer connected, whatever its name";
  all.remove(2);
  EXPECT_EQ(all.active(), 3U);
  all.remove(3);
  EXPECT_EQ(all.active(), 1U);
}

TEST(Recipients, PartitionsSpreadTheirActiveConsumersByName) {
  for (const auto& [partition, expected] : std::map<std::int32_t, ConsumerNumber>{{0, 3}, {1, 1}, {2, 3}}) {
    Recipients all(partition);
    all.add(1, named("b"));
    all.add(2, named("0", 5));  // too low a priority to count
    all.add(3, named("a"));
    EXPECT_EQ(all.active(), expected) << partition;
  }
}

TEST(Recipients, TurnsGoRoundAmongThoseThatCanTake) {
  Recipients all(-1);
  for (ConsumerNumber number = 1; number <= 3; ++number) all.add(number, named("c"));
  all.find(2)->stopped = true;
  EXPECT_EQ(all.next_in_turn(), 1U);
  EXPECT_EQ(all.next_in_turn(), 3U);
  EXPECT_EQ(all.next_in_turn(), 1U);
  all.find(1)->messages = 0;
  all.find(3)->bytes = 0;
  EXPECT_EQ(all.next_in_turn(), 0U);
}

}  // namespace
}  // namespace geminga::broker
