#include "mcp/throttle.hpp"

#include <gtest/gtest.h>

#include "mcp/server_config.hpp"

namespace geminga::mcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using End = Throttle::End;

const base::MonotonicTime kStart = base::MonotonicTime{} + std::chrono::hours{1};

TEST(Throttle, WithoutSettingsNothingIsHeldBack) {
  Throttle throttle{ServerSettings{}};
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(throttle.admit(kStart));
    throttle.ended(End::failed, kStart);
  }
  EXPECT_EQ(throttle.breaker(kStart), "");
}

TEST(Throttle, OverTheRateACallIsToldWhenThereIsRoom) {
  Throttle throttle{ServerSettings{.max_per_second = 4}};
  auto now = kStart;
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(throttle.admit(now)) << i;
  const auto refused = throttle.admit(now);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->retry_after, milliseconds{250});
  now += milliseconds{249};
  EXPECT_TRUE(throttle.admit(now));
  now += milliseconds{1};
  EXPECT_FALSE(throttle.admit(now));
  EXPECT_TRUE(throttle.admit(now));
  now += seconds{60};
  int admitted = 0;
  while (!throttle.admit(now)) ++admitted;
  EXPECT_EQ(admitted, 4) << "a pause saves up one second and no more";
}

class Breaker : public testing::Test {
 protected:
  bool call(End end) {
    if (throttle_.admit(now_)) return false;
    throttle_.ended(end, now_);
    return true;
  }
  Throttle throttle_{ServerSettings{.breaker_failures = 3, .breaker_pause = seconds{10}}};
  base::MonotonicTime now_ = kStart;
};

TEST_F(Breaker, OpensAfterSoManyFailuresInARow) {
  EXPECT_TRUE(call(End::failed));
  EXPECT_TRUE(call(End::failed));
  EXPECT_TRUE(call(End::answered)) << "not in a row any more";
  EXPECT_TRUE(call(End::failed));
  EXPECT_TRUE(call(End::failed));
  EXPECT_EQ(throttle_.breaker(now_), "closed");
  EXPECT_TRUE(call(End::failed));
  EXPECT_EQ(throttle_.breaker(now_), "open");
  now_ += seconds{4};
  const auto refused = throttle_.admit(now_);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->retry_after, milliseconds{6'001});
}

TEST_F(Breaker, AfterThePauseOneCallTriesAndItsEndDecides) {
  for (int i = 0; i < 3; ++i) call(End::failed);
  now_ += seconds{10};
  EXPECT_EQ(throttle_.breaker(now_), "trying");
  EXPECT_FALSE(throttle_.admit(now_));
  EXPECT_TRUE(throttle_.admit(now_)) << "only one tries";
  throttle_.ended(End::failed, now_);
  EXPECT_EQ(throttle_.breaker(now_), "open");
  now_ += seconds{10};
  EXPECT_FALSE(throttle_.admit(now_));
  throttle_.ended(End::not_tried, now_);
  EXPECT_FALSE(throttle_.admit(now_)) << "one that was taken back leaves the try to the next";
  throttle_.ended(End::answered, now_);
  EXPECT_EQ(throttle_.breaker(now_), "closed");
  EXPECT_TRUE(call(End::failed)) << "counted from the beginning";
  EXPECT_EQ(throttle_.breaker(now_), "closed");
}

TEST_F(Breaker, FailuresOfCallsFromBeforeDoNotProlongThePause) {
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(throttle_.admit(now_));
  for (int i = 0; i < 3; ++i) throttle_.ended(End::failed, now_);
  now_ += seconds{9};
  throttle_.ended(End::failed, now_);
  throttle_.ended(End::failed, now_);
  now_ += seconds{1};
  EXPECT_FALSE(throttle_.admit(now_));
}

}  // namespace
}  // namespace geminga::mcp
