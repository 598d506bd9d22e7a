#include "net/blocking_pool.hpp"

#include <atomic>
#include <barrier>

#include <gtest/gtest.h>

namespace geminga::net {
namespace {

TEST(BlockingPool, RunsAsManyAtOnceAsItHasThreads) {
  std::barrier all_here(3);
  std::atomic<int> through = 0;
  {
    BlockingPool pool("test", 3);
    for (int i = 0; i < 3; ++i)
      pool.post([&] {
        all_here.arrive_and_wait();  // only passed when three run together
        ++through;
      });
  }
  EXPECT_EQ(through, 3);
}

TEST(BlockingPool, RunsWhatIsQueuedBeforeItGoes) {
  std::vector<int> order;
  {
    BlockingPool pool("test", 1);
    for (int i = 0; i < 100; ++i) pool.post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace geminga::net
