#include "broker/dispatcher_fixture.hpp"

namespace geminga::broker {
namespace {

class DispatcherSettleTest : public testing::DispatcherTest {};
using testing::entries_of;
using testing::Gots;

TEST_F(DispatcherSettleTest, ReturnedComesAgainCountedAndAfterItsDelay) {
  make(SubscriptionType::shared);
  publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{100}, true, now()));
  EXPECT_FALSE(dispatcher_->return_entry(1, EntryId{0}, {}, true, now()));
  EXPECT_EQ(pump().size(), 0U);
  EXPECT_EQ(dispatcher_->next_due(now()), clock_.monotonic_now() + std::chrono::milliseconds{100});
  clock_.advance(std::chrono::milliseconds{99});
  EXPECT_EQ(pump().size(), 0U);
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 1}}));
}

TEST_F(DispatcherSettleTest, GivenBackDoesNotCount) {
  make(SubscriptionType::exclusive);
  publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, false, now()));
  EXPECT_EQ(pump(), (std::vector<Got>{{.consumer = 1, .entry = 0, .redeliveries = 0}}));
}

TEST_F(DispatcherSettleTest, WhatALeaverHadGoesToOthersAndWhatItAcknowledgesStays) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 3; ++i) publish();
  join(1);
  pump();
  const auto settling = begin(1, {1});
  ASSERT_TRUE(settling);
  dispatcher_->remove_consumer(1, now());
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 2}));
  dispatcher_->acknowledged(*settling);
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{3}), 2U);
  EXPECT_FALSE(begin(1, {1}));
}

TEST_F(DispatcherSettleTest, AcknowledgementThatFailedLeavesItOutOrGivesItToOthers) {
  make(SubscriptionType::shared);
  publish();
  publish();
  join(1);
  pump();
  dispatcher_->acknowledge_failed(begin(1, {0, 1}).value(), now());
  EXPECT_EQ(pump().size(), 0U);
  const Settling both = begin(1, {0, 1}).value();
  dispatcher_->remove_consumer(1, now());
  dispatcher_->acknowledge_failed(both, now());
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherSettleTest, AnAcknowledgementThatFailsAfterATakeoverGivesItToTheNewOneInItsPlace) {
  make(SubscriptionType::failover);
  for (int i = 0; i < 4; ++i) publish();
  join(1, {.priority = 1, .messages = 3, .bytes = 1 << 20});
  pump();
  const Settling settling = begin(1, {0}).value();
  join(2, {.priority = 0, .messages = 3, .bytes = 1 << 20});
  EXPECT_EQ(entries_of(pump()), (Gots{1, 2, 3}));
  ASSERT_TRUE(dispatcher_->return_entry(2, EntryId{2}, {}, false, now()));
  dispatcher_->acknowledge_failed(settling, now());
  EXPECT_FALSE(begin(1, {0})) << "it is the other one's now";
  dispatcher_->add_permits(2, kMany);
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 0, 1}, {2, 2, 0}}));
}

TEST_F(DispatcherSettleTest, AnAcknowledgementThatFailsBesideASeekThatFailsBringsItAgain) {
  make(SubscriptionType::exclusive);
  publish();
  join(1);
  pump();
  const Settling settling = begin(1, {0}).value();
  dispatcher_->withdraw(0, false, now());
  dispatcher_->acknowledge_failed(settling, now());
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 0, 1}}));
}

TEST_F(DispatcherSettleTest, WhatIsAcknowledgedIsNotReadAgainAfterARestart) {
  storage::CursorState cursor{.next = EntryId{1},
                              .acknowledged = {{.first = EntryId{2}, .last = EntryId{5'000}}}};
  std::vector<EntryId> sent;
  dispatcher_ = std::make_unique<Dispatcher>(
      DispatcherOptions{.type = SubscriptionType::shared}, cursor,
      [&](ConsumerNumber, const Delivered& delivered) { sent.push_back(delivered.entry.header.entry); });
  for (int i = 0; i < 5'002; ++i) publish();
  join(1);
  const EntryId end{topic_.size()};
  const auto first = dispatcher_->next_read(end, now()).value();
  EXPECT_EQ(first.from, EntryId{1});
  dispatcher_->feed(first, {topic_[1], topic_[2]}, now());
  const auto second = dispatcher_->next_read(end, now()).value();
  EXPECT_EQ(second.from, EntryId{5'001});
  dispatcher_->feed(second, {topic_[5'001]}, now());
  EXPECT_EQ(sent, (std::vector{EntryId{1}, EntryId{5'001}}));
}

TEST_F(DispatcherSettleTest, SkippingLeavesWhatIsOutAndForgetsWhatWaited) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 4; ++i) publish();
  join(1, {.messages = 2, .bytes = 1 << 20});
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, true, now()));
  dispatcher_->skip_to(EntryId{4});
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{4}), 0U);
  publish();
  dispatcher_->add_permits(1, kMany);
  EXPECT_EQ(entries_of(pump()), (Gots{4}));
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{1}, {}, true, now()));  // out before, skipped since
  EXPECT_EQ(pump().size(), 0U);
}

TEST_F(DispatcherSettleTest, WhatWasSkippedWhileItWasOutDoesNotComeAgain) {
  make(SubscriptionType::shared);
  join(1);
  for (int i = 0; i < 3; ++i) publish();
  EXPECT_EQ(pump().size(), 3U);
  const Settling settling = begin(1, {2}).value();
  dispatcher_->skip_to(EntryId{3});
  dispatcher_->remove_consumer(1, now());
  dispatcher_->acknowledge_failed(settling, now());
  join(2);
  EXPECT_TRUE(pump().empty());
  EXPECT_EQ(dispatcher_->waiting_count(), 0U);
}

TEST_F(DispatcherSettleTest, WhatIsHeldAndWasCompactedAwayDoesNotComeAtItsTime) {
  make(SubscriptionType::exclusive);
  join(1);
  publish(0, std::chrono::milliseconds{10});
  publish(0, std::chrono::milliseconds{10});
  EXPECT_TRUE(pump().empty());
  dispatcher_->missing({{.first = EntryId{0}, .last = EntryId{0}}});
  clock_.advance(std::chrono::milliseconds{10});
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
}

TEST_F(DispatcherSettleTest, NobodysIsWhatIsNeitherAcknowledgedNorOutNorWaits) {
  make(SubscriptionType::shared);
  join(1);
  constexpr std::uint64_t kEntries = 100'000;
  dispatcher_->add_permits(1, {.messages = 2 * kEntries, .bytes = 1 << 30});
  for (std::uint64_t i = 0; i < 12; ++i) publish();
  pump();
  for (const std::uint64_t entry : {1, 4, 5}) acknowledge(1, entry);
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{7}, std::chrono::milliseconds{1}, true, now()));
  // Of the first 12 all are out, but for those; of the others every second one is acknowledged.
  std::vector<storage::EntryRange> taken;
  for (std::uint64_t i = 12; i < kEntries; i += 2) taken.push_back({.first = EntryId{i}, .last = EntryId{i}});
  dispatcher_->missing(taken);
  const auto range = [](std::uint64_t first, std::uint64_t last) {
    return storage::EntryRange{.first = EntryId{first}, .last = EntryId{last}};
  };
  EXPECT_TRUE(dispatcher_->nobodys({range(0, 12)}).empty());
  EXPECT_EQ(dispatcher_->nobodys({range(5, 13), range(16, 19), range(kEntries - 2, kEntries + 5)}),
            (std::vector{range(13, 13), range(17, 17), range(19, 19), range(kEntries - 1, kEntries + 5)}));
}

TEST_F(DispatcherSettleTest, SkippingCountsOnlyWhatIsNotAcknowledged) {
  make(SubscriptionType::shared);
  for (int i = 0; i < 6; ++i) publish();
  join(1);
  pump();
  acknowledge(1, 1);
  acknowledge(1, 2);
  const EntryId first{0};
  EXPECT_EQ(dispatcher_->behind_next(1, first, EntryId{6}), EntryId{1});
  EXPECT_EQ(dispatcher_->behind_next(2, first, EntryId{6}), EntryId{4});
  EXPECT_EQ(dispatcher_->behind_next(100, first, EntryId{6}), EntryId{6});
  EXPECT_EQ(dispatcher_->behind_next(1, EntryId{2}, EntryId{6}), EntryId{4}) << "what was trimmed counts not";
  EXPECT_EQ(dispatcher_->behind_next(1, EntryId{4}, EntryId{6}), EntryId{5});
}

TEST_F(DispatcherSettleTest, MovedBackEverythingComesAgainAndOldAnswersOfTheDiskAreDropped) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 4; ++i) publish();
  join(1);
  pump();
  acknowledge(1, 0);
  publish();
  const auto want = dispatcher_->next_read(EntryId{5}, now());
  ASSERT_TRUE(want);
  dispatcher_->withdraw(0, false, now());
  EXPECT_FALSE(begin(1, {1})) << "taken back";
  dispatcher_->move_cursor(EntryId{1});
  got_.clear();
  dispatcher_->feed(*want, {topic_[4]}, now());
  EXPECT_TRUE(got_.empty()) << "read before the move";
  EXPECT_EQ(entries_of(pump()), (Gots{1, 2, 3, 4}));
  dispatcher_->withdraw(0, false, now());
  dispatcher_->move_cursor(EntryId{0});
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1, 2, 3, 4}));
  EXPECT_EQ(got_.front().redeliveries, 0U);
}

TEST_F(DispatcherSettleTest, ASeekBesideAnAcknowledgementThatFailsBringsItAgainOnce) {
  make(SubscriptionType::exclusive);
  publish();
  join(1);
  pump();
  const Settling settling = begin(1, {0}).value();
  dispatcher_->withdraw(0, false, now());
  dispatcher_->acknowledge_failed(settling, now());
  dispatcher_->move_cursor(EntryId{0});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 0, 0}}));
  EXPECT_EQ(dispatcher_->unacked_count(), 1U);
}

TEST_F(DispatcherSettleTest, CumulativeCoversWhatWasDeliveredAndAHeldOneStays) {
  make(SubscriptionType::exclusive);
  publish();
  publish(0, std::chrono::milliseconds{50});
  publish();
  publish();
  join(1);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 2, 3}));
  ASSERT_TRUE(acknowledge_up_to(1, 2));
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{4}), 2U);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{1});
  clock_.advance(std::chrono::milliseconds{50});
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
  ASSERT_TRUE(acknowledge_up_to(1, 3));
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{4}), 0U);
}

TEST_F(DispatcherSettleTest, CumulativeCoversWhatWasReturnedAndRefusesWhatWasNeverDelivered) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 4; ++i) publish();
  join(1, {.messages = 3, .bytes = 1 << 20});
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{0}, std::chrono::milliseconds{10}, true, now()));
  EXPECT_FALSE(acknowledge_up_to(1, 3));
  EXPECT_EQ(dispatcher_->unacked_count(), 2U) << "a refused one changes nothing";
  ASSERT_TRUE(acknowledge_up_to(1, 2));
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{3});
  EXPECT_EQ(dispatcher_->waiting_count(), 0U);
  EXPECT_EQ(dispatcher_->unacked_count(), 0U);
  ASSERT_TRUE(acknowledge_up_to(1, 1)) << "again is no fault";
}

TEST_F(DispatcherSettleTest, AFailedCumulativeLeavesAllAsItWas) {
  make(SubscriptionType::exclusive);
  for (int i = 0; i < 3; ++i) publish();
  join(1);
  pump();
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{1}, std::chrono::milliseconds{10}, false, now()));
  const auto settling =
      dispatcher_->begin_acknowledge(1, {.entries = {}, .batches = {}, .up_to = EntryId{2}});
  ASSERT_TRUE(settling);
  dispatcher_->acknowledge_failed(*settling, now());
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{3}), 3U);
  EXPECT_TRUE(pump().empty()) << "the returned one waits as before";
  clock_.advance(std::chrono::milliseconds{10});
  const auto again = pump();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again.front(), (Got{.consumer = 1, .entry = 1, .redeliveries = 0}));
  EXPECT_TRUE(acknowledge_up_to(1, 2));
}

TEST_F(DispatcherSettleTest, WhatIsOutForTooLongIsTakenBackAndComesAgainCounted) {
  make(SubscriptionType::shared);
  join(1, {.messages = 100, .bytes = 1 << 20, .ack_timeout = std::chrono::milliseconds{30}});
  publish();
  publish();
  pump();
  const Settling settling = begin(1, {1}).value();
  EXPECT_EQ(dispatcher_->next_due(now()), clock_.monotonic_now() + std::chrono::milliseconds{30});
  clock_.advance(std::chrono::milliseconds{29});
  EXPECT_TRUE(pump().empty());
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 0, 1}})) << "not the one whose acknowledgement is on its way";
  dispatcher_->acknowledged(settling);
  acknowledge(1, 0);
  EXPECT_FALSE(dispatcher_->next_due(now()));
}

TEST_F(DispatcherSettleTest, AnAcknowledgementThatFailedLateIsTimedAgain) {
  make(SubscriptionType::shared);
  join(1, {.messages = 100, .bytes = 1 << 20, .ack_timeout = std::chrono::milliseconds{30}});
  publish();
  pump();
  const Settling settling = begin(1, {0}).value();
  clock_.advance(std::chrono::milliseconds{31});
  EXPECT_TRUE(pump().empty());
  dispatcher_->acknowledge_failed(settling, now());
  clock_.advance(std::chrono::milliseconds{30});
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 0, 1}}));
}

}  // namespace
}  // namespace geminga::broker
