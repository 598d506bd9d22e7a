#include "orchestrator/events/hop_time.hpp"

#include <gtest/gtest.h>

namespace geminga::orchestrator {
namespace {

using std::chrono::microseconds;

TEST(HopTimes, KeepMicroseconds) {
  const HopTime time{microseconds{1'763'756'103'123'456}};
  EXPECT_EQ(hop_time_text(time), "2025-11-21T20:15:03.123456Z");
  EXPECT_EQ(parse_hop_time(hop_time_text(time)).value(), time);
  EXPECT_EQ(parse_hop_time("2025-11-21T20:15:03.1234567Z").value(), time);
  EXPECT_EQ(parse_hop_time("2025-11-21T22:15:03.123456+02:00").value(), time);
  const HopTime round{microseconds{1'763'756'103'000'007}};
  EXPECT_EQ(parse_hop_time(hop_time_text(round)).value(), round);
}

TEST(HopTimes, TakeWhatHasFewerDigits) {
  EXPECT_EQ(parse_hop_time("2025-11-21T20:15:03.5Z").value(), HopTime{microseconds{1'763'756'103'500'000}});
  EXPECT_EQ(parse_hop_time("2025-11-21T20:15:03Z").value(), HopTime{microseconds{1'763'756'103'000'000}});
  EXPECT_EQ(parse_hop_time("2025-11-21T20:15:03.1239").value_or(HopTime{}), HopTime{}) << "no zone";
  EXPECT_FALSE(parse_hop_time("yesterday"));
}

}  // namespace
}  // namespace geminga::orchestrator
