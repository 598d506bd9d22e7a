#include "broker/delay_index.hpp"

#include <map>

#include <gtest/gtest.h>

namespace geminga::broker {
namespace {

using std::chrono::milliseconds;

Timestamp at(std::int64_t time) {
  return Timestamp{milliseconds{time}};
}

/// An index over a log in memory: what was held, and is not taken yet.
class DelayIndexTest : public testing::Test {
 protected:
  explicit DelayIndexTest(std::uint64_t entries_max = 0)
      : budget_(entries_max * sizeof(Held), 8 * sizeof(Held)) {}

  void hold(std::int64_t time) {
    log_.emplace(end_, at(time));
    index_.hold({.deliver_at = at(time), .entry = EntryId{end_++}});
  }
  /// One step; false: there is nothing to do.
  bool scan_step(std::uint64_t entries = 5) {
    const auto from = index_.next_scan(EntryId{first_}, EntryId{end_});
    if (!from) return false;
    const EntryId end{from->value + entries};
    for (auto next = log_.lower_bound(from->value); next != log_.lower_bound(end.value); ++next) {
      const EntryId entry{next->first};
      if (entry < index_.scan_end() && index_.sought(next->second, entry))
        index_.found({.deliver_at = next->second, .entry = entry});
    }
    index_.scanned_to(end);
    return true;
  }
  /// All that are due, in the order in which they come.
  std::vector<std::int64_t> take(std::int64_t now) {
    std::vector<std::int64_t> times;
    do {
      while (const auto held = index_.take_due(at(now))) {
        EXPECT_EQ(log_.at(held->entry.value), held->deliver_at);
        EXPECT_EQ(log_.erase(held->entry.value), 1U) << "twice";
        times.push_back(held->deliver_at.time_since_epoch().count());
      }
    } while (index_.due(at(now)) && scan_step());
    EXPECT_FALSE(index_.due(at(now)));
    return times;
  }
  std::uint64_t draw(std::uint64_t below) {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random_ >> 33) % below;
  }

  MemoryBudget budget_;
  DelayIndex index_{&budget_};
  std::map<std::uint64_t, Timestamp> log_;
  std::uint64_t first_ = 0, end_ = 0;
  std::uint64_t random_ = 20261122;
};

TEST_F(DelayIndexTest, MoreThanFitComeAllAndInTheOrderOfTheirTimes) {
  for (std::int64_t i = 0; i < 200; ++i) hold(1 + (i * 67) % 200);
  EXPECT_EQ(index_.size(), 200U);
  EXPECT_LE(index_.in_memory(), 8U);
  EXPECT_EQ(budget_.bytes(), index_.in_memory() * sizeof(Held));
  EXPECT_EQ(index_.next_due(at(0)), at(1));
  std::vector<std::int64_t> all;
  for (std::int64_t now = 0; now <= 200; now += 7) {
    for (const std::int64_t time : take(now)) all.push_back(time);
    EXPECT_LE(index_.in_memory(), 8U);
    EXPECT_EQ(index_.size(), log_.size());
  }
  ASSERT_EQ(all.size(), 196U);
  EXPECT_TRUE(std::ranges::is_sorted(all));
  EXPECT_EQ(take(200).size(), 4U);
  EXPECT_EQ(budget_.bytes(), 0U);
  EXPECT_FALSE(index_.next_due(at(200)));
}

TEST_F(DelayIndexTest, TheLogIsReadAgainBeforeTheMemoryRunsDryAndNotMore) {
  for (std::int64_t i = 0; i < 100; ++i) hold(1 + i);
  EXPECT_FALSE(scan_step()) << "what comes first is there";
  std::uint64_t steps = 0;
  for (std::int64_t now = 1; now <= 100; ++now) {
    const auto due = index_.take_due(at(now));
    ASSERT_TRUE(due) << now << ": nothing had to be waited for";
    log_.erase(due->entry.value);
    first_ = due->entry.value + 1;
    while (scan_step()) ++steps;
  }
  EXPECT_LE(steps, 100 / 6 * 20U) << "a scan of the rest for every six that come";
}

TEST_F(DelayIndexTest, WhatIsNotInMemoryIsNotOvertaken) {
  for (std::int64_t i = 0; i < 20; ++i) hold(10);
  EXPECT_FALSE(index_.due(at(9)));
  while (index_.take_due(at(10))) {
  }
  EXPECT_TRUE(index_.due(at(10)));
  EXPECT_FALSE(index_.next_due(at(10))) << "who is due already waits for no timer";
}

TEST_F(DelayIndexTest, ASkipTakesWhatLiesBeforeWhereverItIs) {
  for (std::int64_t i = 0; i < 100; ++i) hold(1'000 - i);
  const auto skip = [&](std::uint64_t next) {
    index_.drop_before(EntryId{next}, EntryId{end_});
    log_.erase(log_.begin(), log_.lower_bound(next));
    first_ = next;
  };
  skip(50);
  EXPECT_GE(index_.size(), 50U);
  EXPECT_LE(index_.size(), 50U + index_.in_memory()) << "how many of the others are left nobody knows";
  EXPECT_EQ(take(920).size(), 20U);
  EXPECT_EQ(index_.size(), 30U) << "counted anew";
  skip(100);
  EXPECT_EQ(index_.size(), 0U);
  EXPECT_EQ(budget_.bytes(), 0U);
  EXPECT_FALSE(scan_step());
}

TEST_F(DelayIndexTest, ManySkipsAreNoReasonToReadTheLog) {
  for (std::int64_t i = 0; i < 1'000; ++i) hold(2'000 - i);
  for (std::uint64_t next = 1; next <= 900; ++next) {
    index_.drop_before(EntryId{next}, EntryId{end_});
    log_.erase(log_.begin(), log_.lower_bound(next));
    first_ = next;
    EXPECT_FALSE(scan_step()) << next << ": what comes first is in memory";
  }
  EXPECT_EQ(take(2'000).size(), 100U);
  EXPECT_EQ(index_.size(), 0U);
}

TEST_F(DelayIndexTest, OneThatIsFreedGivesItsPartBack) {
  {
    DelayIndex other(&budget_);
    for (std::uint64_t i = 0; i < 5; ++i) other.hold({.deliver_at = at(5), .entry = EntryId{i}});
    EXPECT_EQ(budget_.bytes(), 5 * sizeof(Held));
  }
  EXPECT_EQ(budget_.bytes(), 0U);
}

/// Times, holds, takes, skips and scans in any order, against the log itself.
TEST_F(DelayIndexTest, NothingIsEarlyLostOrTwiceUnderRandomOperations) {
  std::int64_t now = 0;
  std::uint64_t taken = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t what = draw(100);
    if (what < 20) {
      hold(now + 1 + static_cast<std::int64_t>(draw(draw(2) == 0 ? 20 : 2'000)));
    } else if (what < 40) {
      now += static_cast<std::int64_t>(draw(8));
    } else if (what < 80) {
      scan_step(1 + draw(400));
    } else if (what < 81 && !log_.empty()) {
      first_ = log_.begin()->first + draw(5);
      index_.drop_before(EntryId{first_}, EntryId{end_});
      log_.erase(log_.begin(), log_.lower_bound(first_));
    } else if (const auto held = index_.take_due(at(now))) {
      ASSERT_LE(held->deliver_at, at(now));
      ASSERT_EQ(log_.erase(held->entry.value), 1U);
      ++taken;
    }
    ASSERT_LE(index_.in_memory(), 9U);
    ASSERT_EQ(budget_.bytes(), index_.in_memory() * sizeof(Held));
    ASSERT_GE(index_.size(), log_.size());
  }
  EXPECT_GT(taken, 500U);
  taken += take(now + 10'000).size();
  EXPECT_TRUE(log_.empty());
  EXPECT_EQ(index_.size(), 0U);
}

class LargeDelayIndexTest : public DelayIndexTest {
 protected:
  LargeDelayIndexTest() : DelayIndexTest(1'000) {}
};

TEST_F(LargeDelayIndexTest, WhoCameLateGetsItsMinimumAndMoreWhenTheOthersAreDone) {
  for (std::int64_t i = 0; i < 1'000; ++i) hold(1);
  EXPECT_EQ(index_.in_memory(), 1'000U);
  DelayIndex late(&budget_);
  for (std::uint64_t i = 0; i < 100; ++i) late.hold({.deliver_at = at(5), .entry = EntryId{i}});
  EXPECT_LE(late.in_memory(), 8U);
  EXPECT_EQ(late.size(), 100U);
  EXPECT_EQ(take(1).size(), 1'000U);
  while (late.take_due(at(5))) {
  }
  ASSERT_TRUE(late.next_scan(EntryId{0}, EntryId{100}));
  std::uint64_t sought = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    if (!late.sought(at(5), EntryId{i})) continue;
    late.found({.deliver_at = at(5), .entry = EntryId{i}});
    ++sought;
  }
  late.scanned_to(EntryId{100});
  EXPECT_EQ(late.in_memory(), sought);
  EXPECT_EQ(late.size(), sought);
}

}  // namespace
}  // namespace geminga::broker
