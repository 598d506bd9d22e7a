#include "cli/hops.hpp"

#include <gtest/gtest.h>

namespace geminga::cli {
namespace {

using std::chrono::microseconds;

constexpr orchestrator::HopTime kFirst{microseconds{1'000'000}};

std::string bar(std::int64_t from_us, std::int64_t to_us, std::int64_t whole_us) {
  Hop hop;
  hop.started = kFirst + microseconds{from_us};
  hop.ended = kFirst + microseconds{to_us};
  return timeline_bar(hop, kFirst, kFirst + microseconds{whole_us});
}

TEST(Timeline, ShowsWhenAHopRan) {
  EXPECT_EQ(bar(0, 240, 240), std::string(24, '#'));
  EXPECT_EQ(bar(0, 120, 240), std::string(12, '#') + std::string(12, '.'));
  EXPECT_EQ(bar(60, 120, 240), std::string(6, '.') + std::string(6, '#') + std::string(12, '.'));
}

TEST(Timeline, TheShortestHopIsSeen) {
  EXPECT_EQ(bar(0, 0, 35'000'000), "#" + std::string(23, '.'));
  EXPECT_EQ(bar(35'000'000, 35'000'000, 35'000'000), std::string(23, '.') + "#");
  EXPECT_EQ(bar(0, 0, 0), "#" + std::string(23, '.'));
}

TEST(Timeline, AHopThatSeemsToBeginEarlierStaysInside) {
  EXPECT_EQ(bar(-50, 10, 240), "#" + std::string(23, '.'));
}

}  // namespace
}  // namespace geminga::cli
