#include "base/event_loop.hpp"

#include <future>
#include <latch>
#include <thread>
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

TEST(PostsTogether, WakeAtTheirEnd) {
  EventLoop one("one");
  EventLoop other("other");
  std::latch ran(4);
  {
    const PostsTogether together;
    {
      const PostsTogether inner;
      EXPECT_TRUE(one.post([&] { ran.count_down(); }));
    }
    EXPECT_TRUE(one.post([&] { ran.count_down(); }));
    EXPECT_TRUE(other.post([&] { ran.count_down(); }));
    EXPECT_TRUE(other.post([&] { ran.count_down(); }));
  }
  ran.wait();
}

TEST(PostsTogether, RunBeforeWhatSomebodyWaitsFor) {
  EventLoop loop("test");
  std::vector<int> seen;
  const PostsTogether together;
  ASSERT_TRUE(loop.post([&] { seen.push_back(1); }));
  loop.run([&] { seen.push_back(2); });
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
}

TEST(PostsTogether, HoldUpNobodyElse) {
  EventLoop loop("test");
  std::promise<void> mine;
  std::promise<void> theirs;
  const PostsTogether together;
  ASSERT_TRUE(loop.post([&] { mine.set_value(); }));
  std::thread([&] { EXPECT_TRUE(loop.post([&] { theirs.set_value(); })); }).join();
  theirs.get_future().get();
  mine.get_future().get();
}

TEST(PostsTogether, MayOutliveTheLoop) {
  int ran = 0;
  {
    const PostsTogether together;
    EventLoop loop("test");
    ASSERT_TRUE(loop.post([&] { ++ran; }));
    loop.stop();
    EXPECT_EQ(ran, 1);
    EXPECT_FALSE(loop.post([] { FAIL(); }));
  }
  EXPECT_EQ(ran, 1);
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
