#include "base/event_loop.hpp"

#include <future>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

TEST(EventLoop, RunsInOrderAndEverythingBeforeStop) {
  std::vector<int> seen;
  EventLoop loop("test");
  for (int i = 0; i < 1'000; ++i) loop.post([&seen, i] { seen.push_back(i); });
  loop.stop();
  ASSERT_EQ(seen.size(), 1'000U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(EventLoop, RunWaitsAndWorksFromInside) {
  EventLoop loop("test");
  int value = 0;
  loop.run([&] { loop.run([&] { value = 7; }); });
  EXPECT_EQ(value, 7);
}

TEST(EventLoop, WhatIsPostedWithoutWakingRunsAtTheWakeOrBeforeTheNextTask) {
  EventLoop loop("test");
  std::promise<void> first;
  ASSERT_TRUE(loop.post_without_waking([&] { first.set_value(); }));
  loop.wake();
  first.get_future().get();
  std::vector<int> seen;
  ASSERT_TRUE(loop.post_without_waking([&] { seen.push_back(1); }));
  loop.run([&] { seen.push_back(2); });
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
  ASSERT_TRUE(loop.post_without_waking([&] { seen.push_back(3); }));
  loop.stop();
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_FALSE(loop.post_without_waking([] { FAIL(); }));
  loop.wake();
}

TEST(EventLoop, RefusesWorkOnceStopped) {
  EventLoop loop("test");
  loop.stop();
  EXPECT_FALSE(loop.post([] { FAIL(); }));
  EXPECT_FALSE(loop.run([] { FAIL(); }));
}

TEST(Timer, FiresOnceAndNotWhenReplacedOrCancelled) {
  EventLoop loop("test");
  std::promise<int> fired;
  std::unique_ptr<Timer> timer;
  loop.run([&] {
    timer = std::make_unique<Timer>(loop);
    timer->set_after(std::chrono::milliseconds{0}, [&] { fired.set_value(1); });
    timer->set_after(std::chrono::milliseconds{1}, [&] { fired.set_value(2); });
  });
  EXPECT_EQ(fired.get_future().get(), 2);
  loop.run([&] {
    timer->set_after(std::chrono::milliseconds{0}, [&] { fired.set_value(3); });  // would throw: set twice
    timer->cancel();
  });
  loop.run([&] { timer.reset(); });
}

}  // namespace
}  // namespace geminga::base
