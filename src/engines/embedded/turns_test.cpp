#include "engines/embedded/turns.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::engines::embedded {
namespace {

struct Numbers {
  std::vector<int> all;
  [[nodiscard]] bool empty() const { return all.empty(); }
  [[nodiscard]] bool full() const { return all.size() >= 3; }
};

class TurnsTest : public ::testing::Test {
 protected:
  void add(int number) {
    turns_.add([&](Numbers& forming) { forming.all.push_back(number); });
  }
  std::vector<std::vector<int>> submitted_;
  Turns<Numbers> turns_{1, [this](const Numbers& batch) { submitted_.push_back(batch.all); }};
};

using Submitted = std::vector<std::vector<int>>;

TEST_F(TurnsTest, TheFirstGoesAtOnceAndWhatComesMeanwhileSharesTheNext) {
  add(1);
  EXPECT_EQ(submitted_, (Submitted{{1}}));
  add(2);
  add(3);
  EXPECT_EQ(submitted_, (Submitted{{1}}));
  turns_.ended();
  EXPECT_EQ(submitted_, (Submitted{{1}, {2, 3}}));
  turns_.ended();
  add(4);
  EXPECT_EQ(submitted_, (Submitted{{1}, {2, 3}, {4}}));
}

TEST(Turns, AsManyAsAskedForGoAtOnce) {
  Submitted submitted;
  Turns<Numbers> two(2, [&](const Numbers& batch) { submitted.push_back(batch.all); });
  for (int i = 1; i <= 4; ++i) two.add([&](Numbers& forming) { forming.all.push_back(i); });
  EXPECT_EQ(submitted, (Submitted{{1}, {2}}));
  two.ended();
  EXPECT_EQ(submitted, (Submitted{{1}, {2}, {3, 4}}));
}

TEST_F(TurnsTest, WhatMustNotBeOvertakenGoesAtOnce) {
  turns_.submit_all();
  for (int i = 1; i <= 3; ++i) add(i);
  EXPECT_EQ(submitted_, (Submitted{{1}}));
  turns_.submit_all();
  EXPECT_EQ(submitted_, (Submitted{{1}, {2, 3}}));
  add(4);  // again as before
  EXPECT_EQ(submitted_.size(), 2U);
}

TEST_F(TurnsTest, AFullOneDoesNotWait) {
  for (int i = 1; i <= 5; ++i) add(i);
  EXPECT_EQ(submitted_, (Submitted{{1}, {2, 3, 4}}));
  turns_.ended();  // of two
  EXPECT_EQ(submitted_.size(), 2U);
  turns_.ended();
  EXPECT_EQ(submitted_, (Submitted{{1}, {2, 3, 4}, {5}}));
}

TEST(Turns, AStepMayEndBeforeItsSubmitReturns) {
  std::vector<int> seen;
  Turns<Numbers>* turns = nullptr;
  Turns<Numbers> own(1, [&](const Numbers& batch) {
    seen.insert(seen.end(), batch.all.begin(), batch.all.end());
    if (batch.all.front() < 1'000)  // no recursion, however many
      turns->add([&](Numbers& forming) { forming.all.push_back(batch.all.front() + 1); });
    turns->ended();
  });
  turns = &own;
  own.add([](Numbers& forming) { forming.all.push_back(1); });
  ASSERT_EQ(seen.size(), 1'000U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i + 1);
}

TEST(Turns, ThreadsKeepTheOrderAndLoseNothing) {
  constexpr int kEach = 20'000;
  std::atomic<int> open = 0;
  std::vector<int> seen;  // by submit only, which is never called twice at once
  Turns<Numbers> turns(2, [&](const Numbers& batch) {
    seen.insert(seen.end(), batch.all.begin(), batch.all.end());
    ++open;
  });
  std::atomic<bool> stop = false;
  std::jthread ender([&] {
    while (!stop || open > 0) {
      if (open == 0) {
        std::this_thread::yield();
        continue;
      }
      --open;
      turns.ended();
    }
  });
  {
    std::vector<std::jthread> adders;
    for (int thread = 0; thread < 3; ++thread) {
      adders.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i)
          turns.add([&](Numbers& forming) { forming.all.push_back(i * 3 + thread); });
      });
    }
  }
  stop = true;
  ender.join();
  ASSERT_EQ(seen.size(), 3U * kEach);
  std::vector<int> next(3, 0);
  for (const int number : seen) EXPECT_EQ(number / 3, next[static_cast<std::size_t>(number % 3)]++);
}

}  // namespace
}  // namespace geminga::engines::embedded
