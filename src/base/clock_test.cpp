#include "base/clock.hpp"

#include <gtest/gtest.h>

#include "base/later.hpp"

namespace geminga::base {
namespace {

TEST(Iso8601, RoundTrips) {
  const Timestamp time{std::chrono::milliseconds{1'795'292'103'123}};
  EXPECT_EQ(parse_iso8601(to_iso8601(time)).value(), time);
  EXPECT_EQ(to_iso8601(Timestamp{}), "1970-01-01T00:00:00.000Z");
}

TEST(Iso8601, TakesOffsetsAndFractions) {
  EXPECT_EQ(parse_iso8601("1970-01-01T02:00:00+02:00").value(), Timestamp{});
  EXPECT_EQ(parse_iso8601("1970-01-01T00:00:00.123456Z").value(), Timestamp{std::chrono::milliseconds{123}});
}

TEST(Iso8601, RefusesOtherText) {
  for (const char* text :
       {"", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01", "2026-02-31T00:00:00Z",
        " 026-01-01T00:00:00Z", "2026-+1-01T00:00:00Z", "20260-01-01T00:00:00Z", "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+1:000", "2026-01-01T00:00:00+ 1:00", "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00+01:00"}) {
    EXPECT_FALSE(parse_iso8601(text)) << text;
  }
}

TEST(Later, EndsAtTheEndOfTime) {
  using std::chrono::milliseconds;
  const MonotonicTime monotonic{std::chrono::hours{1}};
  const Timestamp wall{milliseconds{1'700'000'000'000}};
  EXPECT_EQ(later(monotonic, milliseconds{5}), monotonic + milliseconds{5});
  EXPECT_EQ(later(wall, milliseconds{5}), wall + milliseconds{5});
  EXPECT_EQ(later(wall, milliseconds{-5}), wall - milliseconds{5});
  EXPECT_EQ(later(monotonic, milliseconds::max()), MonotonicTime::max());
  EXPECT_EQ(later(wall, milliseconds::max()), Timestamp::max());
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock;
  const auto wall = clock.wall_now();
  const auto monotonic = clock.monotonic_now();
  clock.jump(std::chrono::hours{-1});
  EXPECT_EQ(clock.wall_now(), wall - std::chrono::hours{1});
  EXPECT_EQ(clock.monotonic_now(), monotonic);
  clock.advance(std::chrono::milliseconds{5});
  EXPECT_EQ(clock.monotonic_now(), monotonic + std::chrono::milliseconds{5});
}

}  // namespace
}  // namespace geminga::base
