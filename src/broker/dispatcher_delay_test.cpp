// What is held until its time.
#include "broker/dispatcher_fixture.hpp"

namespace geminga::broker {
namespace {

using testing::DispatcherTest;
using testing::entries_of;
using testing::Gots;

TEST_F(DispatcherTest, DelayedIsNeverEarlyAndOthersOvertakeIt) {
  make(SubscriptionType::shared);
  publish(0, std::chrono::milliseconds{50});
  publish();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
  EXPECT_EQ(dispatcher_->delayed_count(), 1U);
  clock_.advance(std::chrono::milliseconds{49});
  EXPECT_EQ(pump().size(), 0U);
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 0}}));
}

TEST_F(DispatcherTest, WhatIsHeldIsLookedAtAgainSoonForTheWallClockMayJump) {
  make(SubscriptionType::shared);
  join(1);
  publish(0, std::chrono::hours{2});
  EXPECT_TRUE(pump().empty());
  EXPECT_LE(dispatcher_->next_due(now()).value() - now().monotonic, std::chrono::seconds{10});
}

TEST_F(DispatcherTest, WhatIsDelayedBeyondTheMemoryComesAllTheSame) {
  for (const SubscriptionType type : {SubscriptionType::shared, SubscriptionType::key_shared}) {
    topic_.clear();
    make(type, {.waiting_max = 3, .delay_budget = &little_});
    join(1);
    for (int i = 0; i < 100; ++i) publish(7, std::chrono::milliseconds{1 + (i * 37) % 100});
    publish(8);
    EXPECT_EQ(entries_of(pump()), (Gots{100})) << "what is held holds nothing back";
    EXPECT_EQ(dispatcher_->delayed_count(), 100U);
    EXPECT_EQ(dispatcher_->paused(), "");
    EXPECT_LE(little_.bytes(), 4 * sizeof(Held));
    EXPECT_EQ(dispatcher_->next_due(now()), now().monotonic + std::chrono::milliseconds{1});
    clock_.advance(std::chrono::milliseconds{50});
    publish(7);
    const auto got = entries_of(pump());
    ASSERT_EQ(got.size(), 51U);
    EXPECT_EQ(got.back(), 101U) << "what is new does not overtake what is due";
    EXPECT_LE(little_.bytes(), 4 * sizeof(Held));
    clock_.advance(std::chrono::milliseconds{50});
    EXPECT_EQ(pump().size(), 50U);
    EXPECT_EQ(dispatcher_->delayed_count(), 0U);
    clock_.advance(std::chrono::hours{1});
    EXPECT_TRUE(pump().empty()) << "none twice";
    dispatcher_.reset();
    EXPECT_EQ(little_.bytes(), 0U);
  }
}

TEST_F(DispatcherTest, ASeekAndASkipFindWhatIsHeldAnew) {
  make(SubscriptionType::shared, {.delay_budget = &little_});
  join(1);
  for (int i = 0; i < 40; ++i) publish(0, std::chrono::milliseconds{10});
  pump();
  dispatcher_->skip_to(EntryId{30});
  pump();
  EXPECT_EQ(dispatcher_->delayed_count(), 10U);
  dispatcher_->move_cursor(EntryId{20});
  pump();
  EXPECT_EQ(dispatcher_->delayed_count(), 20U);
  clock_.advance(std::chrono::milliseconds{10});
  const auto got = entries_of(pump());
  ASSERT_EQ(got.size(), 20U);
  for (std::uint64_t i = 0; i < 20; ++i)
    EXPECT_EQ(got[i], 20 + i) << "of equal times in the order of the log";
}

TEST_F(DispatcherTest, AMessageForTheEndOfTimeWakesNobody) {
  make(SubscriptionType::shared);
  join(1);
  constexpr std::chrono::years kNineThousand{9'000};
  for (const Timestamp when : {clock_.wall_now() + kNineThousand, Timestamp::max()}) {
    topic_.clear();
    dispatcher_->move_cursor(EntryId{0});
    publish();
    topic_.back().header.deliver_at = when;
    EXPECT_TRUE(pump().empty());
    EXPECT_EQ(dispatcher_->delayed_count(), 1U);
    EXPECT_GT(dispatcher_->next_due(now()).value(), now().monotonic);
  }
}

TEST_F(DispatcherTest, ADelayForEverOverflowsNothing) {
  make(SubscriptionType::shared);
  join(1, {.messages = 10, .bytes = 1 << 20, .ack_timeout = std::chrono::milliseconds::max()});
  publish();
  publish();
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds::max(), true, now()));
  clock_.advance(std::chrono::hours{24});
  EXPECT_TRUE(pump().empty());
  EXPECT_GT(dispatcher_->next_due(now()).value(), now().monotonic);
}

TEST_F(DispatcherTest, WithoutHoldDelayedIsSentInOrder) {
  make(SubscriptionType::exclusive, {.hold_delayed = false});
  publish(0, std::chrono::milliseconds{50});
  publish();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

}  // namespace
}  // namespace geminga::broker
