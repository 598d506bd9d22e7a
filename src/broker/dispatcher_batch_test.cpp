// Acknowledgement of some messages of a batch.
#include "broker/dispatcher_fixture.hpp"

namespace geminga::broker {
namespace {

class DispatcherBatchTest : public testing::DispatcherTest {};
using testing::entries_of;
using testing::Gots;

TEST_F(DispatcherBatchTest, ABatchIsAcknowledgedWhenAllItsMessagesAre) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  EXPECT_EQ(dispatcher_->unacked_count(), 3U);
  EXPECT_EQ(dispatcher_->recipients().find(1)->messages, 997) << "permits count messages";
  const auto first = begin_batch(1, 0, 0b001);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->batches.size(), 1U);
  EXPECT_TRUE(first->entries.empty());
  dispatcher_->acknowledged(*first);
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
  EXPECT_EQ(dispatcher_->backlog(EntryId{0}, EntryId{1}), 1U);
  const auto rest = begin_batch(1, 0, 0b110);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->entries, std::vector{EntryId{0}});
  dispatcher_->acknowledged(*rest);
  EXPECT_EQ(dispatcher_->unacked_count(), 0U);
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{1});
  EXPECT_TRUE(dispatcher_->cursor().batches.empty());
}

TEST_F(DispatcherBatchTest, ABatchIsAcknowledgedButForItsRest) {
  make(SubscriptionType::shared);
  publish(0, {}, 70);
  join(1);
  pump();
  const auto settle = [&](AckBits left) {
    return dispatcher_->begin_acknowledge(1, {.rests = {{.entry = EntryId{0}, .left = std::move(left)}}});
  };
  const auto first = settle({~std::uint64_t{1}, ~std::uint64_t{0}});  // bits behind the last message are none
  ASSERT_TRUE(first);
  ASSERT_EQ(first->batches.size(), 1U);
  EXPECT_EQ(first->batches[0].acknowledged, (AckBits{1, 0}));
  dispatcher_->acknowledged(*first);
  EXPECT_EQ(dispatcher_->unacked_count(), 69U);
  const auto second = settle({0b10});  // all of the second word are acknowledged, which nobody writes
  ASSERT_TRUE(second);
  dispatcher_->acknowledged(*second);
  EXPECT_EQ(dispatcher_->unacked_count(), 1U);
  const auto last = settle({});
  ASSERT_TRUE(last);
  EXPECT_EQ(last->entries, std::vector{EntryId{0}});
  EXPECT_FALSE(settle({})) << "not out with it any more";
}

TEST_F(DispatcherBatchTest, TheRestOfABatchComesAgainWithWhatWasAcknowledged) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  dispatcher_->acknowledged(begin_batch(1, 0, 0b010).value());
  dispatcher_->remove_consumer(1, now());
  join(2);
  pump();
  EXPECT_EQ(last_acknowledged_, AckBits{0b010});
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
  EXPECT_EQ(dispatcher_->recipients().find(2)->messages, 998);
}

TEST_F(DispatcherBatchTest, AFailureBesideAnotherAcknowledgementOfTheSameBatchForgetsOnlyItsOwn) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  const Settling first = begin_batch(1, 0, 0b001).value();
  const Settling second = begin_batch(1, 0, 0b010).value();
  dispatcher_->acknowledge_failed(second, now());
  dispatcher_->acknowledged(first);
  const auto last = begin_batch(1, 0, 0b110);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->entries, std::vector{EntryId{0}}) << "all three";
}

TEST_F(DispatcherBatchTest, WhatIsRedeliveredCountsOnAcknowledgementsThatAreOnTheirWay) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  const Settling settling = begin_batch(1, 0, 0b001).value();
  dispatcher_->return_all(1, true, now());
  pump();
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
  EXPECT_EQ(last_acknowledged_, AckBits{0b001});
  dispatcher_->acknowledged(settling);
  EXPECT_EQ(dispatcher_->unacked_count(), 2U);
}

TEST_F(DispatcherBatchTest, WhereTheyFailItComesOnceMore) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  const Settling lost = begin_batch(1, 0, 0b001).value();
  dispatcher_->remove_consumer(1, now());
  join(2);
  pump();
  EXPECT_EQ(last_acknowledged_, AckBits{0b001});
  dispatcher_->acknowledge_failed(lost, now());
  pump();
  EXPECT_EQ(count(last_acknowledged_, 3), 0U);
  EXPECT_EQ(dispatcher_->unacked_count(), 3U);
}

TEST_F(DispatcherBatchTest, AfterAFailureOnlyWhatIsDurableCountsOfABatch) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  dispatcher_->acknowledged(begin_batch(1, 0, 0b001).value());
  dispatcher_->acknowledge_failed(begin_batch(1, 0, 0b010).value(), now());
  const auto last = begin_batch(1, 0, 0b100);
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->entries.empty()) << "the one in the middle is still open";
}

TEST_F(DispatcherBatchTest, OfABatchThatWasSkippedPartsAreStillSettled) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  publish(0, {}, 3);
  join(1);
  pump();
  const Settling first = begin_batch(1, 0, 0b001).value();
  dispatcher_->skip_to(EntryId{2});
  const Settling second = begin_batch(1, 0, 0b010).value();
  dispatcher_->acknowledged(first);
  dispatcher_->acknowledged(second);
  dispatcher_->acknowledged(begin_batch(1, 0, 0b100).value());
  EXPECT_EQ(dispatcher_->unacked_count(), 3U) << "only the other one is out";
  dispatcher_->acknowledged(begin_batch(1, 1, 0b001).value());
  ASSERT_TRUE(dispatcher_->return_entry(1, EntryId{1}, {}, true, now()));
  EXPECT_EQ(dispatcher_->unacked_count(), 0U);
  EXPECT_TRUE(pump().empty());
}

TEST_F(DispatcherBatchTest, AnAcknowledgementOfNoMessageOfABatchIsNothing) {
  make(SubscriptionType::shared);
  publish(0, {}, 3);
  join(1);
  pump();
  const auto none = begin_batch(1, 0, 0b1000);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->entries.empty());
  EXPECT_TRUE(none->batches.empty());
}

TEST_F(DispatcherBatchTest, BitsBehindTheLastMessageDoNotCount) {
  make(SubscriptionType::shared);
  publish(0, {}, 2);
  join(1);
  pump();
  const auto some = begin_batch(1, 0, 0b1101);
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->entries.empty());
  EXPECT_EQ(some->batches.front().acknowledged, AckBits{0b01});
}

}  // namespace
}  // namespace geminga::broker
