#include "broker/token_bucket.hpp"

#include <gtest/gtest.h>

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;

TEST(TokenBucketTest, ASecondsWorthLiesReadyAndDebtIsWaitedOff) {
  base::ManualClock clock;
  TokenBucket bucket;
  bucket.set_rate(10, clock.monotonic_now());
  EXPECT_TRUE(bucket.open(clock.monotonic_now()));
  EXPECT_EQ(bucket.ready(clock.monotonic_now()), 10U);
  bucket.spend(25, clock.monotonic_now());
  EXPECT_FALSE(bucket.open(clock.monotonic_now()));
  EXPECT_GE(bucket.wait(clock.monotonic_now()), 1500ms);
  clock.advance(1400ms);
  EXPECT_FALSE(bucket.open(clock.monotonic_now()));
  clock.advance(bucket.wait(clock.monotonic_now()));
  EXPECT_TRUE(bucket.open(clock.monotonic_now())) << "after the wait that it named";
  clock.advance(1h);
  EXPECT_EQ(bucket.ready(clock.monotonic_now()), 10U);
  bucket.spend(10, clock.monotonic_now());
  EXPECT_FALSE(bucket.open(clock.monotonic_now())) << "an hour is worth no more than a second";
}

TEST(TokenBucketTest, WithoutARateNothingIsCounted) {
  TokenBucket bucket;
  bucket.spend(1'000'000, base::MonotonicTime{});
  EXPECT_TRUE(bucket.open(base::MonotonicTime{}));
  EXPECT_EQ(bucket.wait(base::MonotonicTime{}), 0ms);
}

TEST(TokenBucketTest, OneHugePieceIsNotWaitedForForEver) {
  base::ManualClock clock;
  TokenBucket bucket;
  bucket.set_rate(1, clock.monotonic_now());
  for (int i = 0; i < 3; ++i) bucket.spend(std::numeric_limits<std::uint64_t>::max(), clock.monotonic_now());
  EXPECT_LE(bucket.wait(clock.monotonic_now()), 72h);
  EXPECT_GE(bucket.wait(clock.monotonic_now()), 71h);
}

TEST(RateLimitTest, BothMustBeOpen) {
  base::ManualClock clock;
  RateLimit rate;
  EXPECT_FALSE(rate.limited());
  rate.messages.set_rate(100, clock.monotonic_now());
  rate.bytes.set_rate(1'000, clock.monotonic_now());
  rate.spend(1, 2'000, clock.monotonic_now());
  EXPECT_TRUE(rate.messages.open(clock.monotonic_now()));
  EXPECT_FALSE(rate.open(clock.monotonic_now()));
  EXPECT_EQ(rate.wait(clock.monotonic_now()), rate.bytes.wait(clock.monotonic_now()));
}

}  // namespace
}  // namespace geminga::broker
