// Who is active, who is preferred, who has stopped.
#include "broker/dispatcher_fixture.hpp"

namespace geminga::broker {
namespace {

using testing::DispatcherTest;
using testing::entries_of;
using testing::Gots;

TEST_F(DispatcherTest, TypeMayChangeBetweenConsumers) {
  make(SubscriptionType::shared);
  publish(5);
  publish(5);
  join(1);
  pump();
  dispatcher_->remove_consumer(1, now());
  dispatcher_->set_type(SubscriptionType::key_shared, true);
  join(2);
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
}

TEST_F(DispatcherTest, WhatIsSettlingHoldsItsKeyAlsoWhenAllHaveLeft) {
  make(SubscriptionType::key_shared);
  join(1);
  publish(7);
  pump();
  const Settling settling = begin(1, {0}).value();
  dispatcher_->remove_consumer(1, now());
  dispatcher_->set_type(SubscriptionType::key_shared, true);
  join(2);
  publish(7);
  publish(8);
  EXPECT_EQ(entries_of(pump()), (Gots{2})) << "should it fail, it comes before the newer one of its key";
  dispatcher_->acknowledged(settling);
  EXPECT_EQ(entries_of(pump()), (Gots{1}));
}

TEST_F(DispatcherTest, AStoppedConsumerGetsNothingMoreAndKeepsWhatIsOut) {
  make(SubscriptionType::shared);
  join(1, {.messages = 10, .bytes = 1 << 20});
  publish();
  EXPECT_EQ(pump().size(), 1U);
  dispatcher_->stop_consumer(1);
  publish();
  EXPECT_TRUE(pump().empty());
  // What it never showed to the application goes to another one, not counted.
  EXPECT_TRUE(dispatcher_->return_entry(1, EntryId{0}, {}, false, now()));
  EXPECT_TRUE(pump().empty());
  join(2, {.messages = 10, .bytes = 1 << 20});
  const std::vector<Got> expected = {{2, 0, 0}, {2, 1, 0}};
  EXPECT_EQ(pump(), expected);
}

TEST_F(DispatcherTest, AStoppedConsumersKeysGoToOthersWhenNothingOfThemIsOut) {
  make(SubscriptionType::key_shared);
  join(1);
  publish(7);
  pump();
  dispatcher_->stop_consumer(1);
  join(2);
  publish(7);
  publish(8);
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 2, 0}}));
  acknowledge(1, 0);
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 1, 0}}));
}

TEST_F(DispatcherTest, FailoverSendsToOneAndTheNextOneGoesOnInOrder) {
  make(SubscriptionType::failover);
  join(1);
  join(2);
  for (int i = 0; i < 4; ++i) publish();
  EXPECT_EQ(dispatcher_->active(), 1U);
  for (const Got& one : pump()) EXPECT_EQ(one.consumer, 1U);
  acknowledge(1, 1);
  dispatcher_->remove_consumer(1, now());
  publish();
  EXPECT_EQ(dispatcher_->active(), 2U);
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 0, 1}, {2, 2, 1}, {2, 3, 1}, {2, 4, 0}}));
}

TEST_F(DispatcherTest, OnAPartitionALeaverThatWasNotActiveMayChangeWhoIs) {
  make(SubscriptionType::failover, {.partition = 1});
  for (const ConsumerNumber each : {1, 2, 3}) join(each);
  for (int i = 0; i < 3; ++i) publish();
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 0, 0}, {2, 1, 0}, {2, 2, 0}}));
  const Settling settling = begin(2, {1}).value();
  dispatcher_->remove_consumer(1, now());
  ASSERT_EQ(dispatcher_->active(), 3U);
  publish();
  EXPECT_EQ(pump(), (std::vector<Got>{{3, 0, 0}, {3, 2, 0}, {3, 3, 0}}));
  dispatcher_->acknowledge_failed(settling, now());
  EXPECT_EQ(pump(), (std::vector<Got>{{3, 1, 1}}));
  EXPECT_TRUE(acknowledge_up_to(3, 3));
  EXPECT_EQ(dispatcher_->cursor().next, EntryId{4});
}

TEST_F(DispatcherTest, ALowerPriorityNumberTakesOverAtOnceWithWhatIsUnsettled) {
  make(SubscriptionType::failover);
  join(1, {.priority = 1, .messages = 2, .bytes = 1 << 20});
  for (int i = 0; i < 3; ++i) publish();
  EXPECT_EQ(entries_of(pump()), (Gots{0, 1}));
  join(2, {.priority = 0, .messages = 10, .bytes = 1 << 20});
  EXPECT_EQ(dispatcher_->active(), 2U);
  EXPECT_FALSE(begin(1, {0})) << "it is the other one's now";
  EXPECT_EQ(pump(), (std::vector<Got>{{2, 0, 0}, {2, 1, 0}, {2, 2, 0}})) << "nothing counts as redelivered";
}

TEST_F(DispatcherTest, TheWaitingConsumersPermitsDoNotMakeTheActiveOneRead) {
  make(SubscriptionType::failover);
  join(1, {.messages = 0, .bytes = 1 << 20});
  join(2);
  publish();
  EXPECT_FALSE(dispatcher_->next_read(EntryId{1}, now()));
}

TEST_F(DispatcherTest, PriorityOnSharedServesOthersOnlyWhenTheFirstHaveNoPermits) {
  make(SubscriptionType::shared);
  join(1, {.priority = 1, .messages = 10, .bytes = 1 << 20});
  join(2, {.priority = 0, .messages = 1, .bytes = 1 << 20});
  join(3, {.priority = 0, .messages = 2, .bytes = 1 << 20});
  for (int i = 0; i < 5; ++i) publish();
  std::map<ConsumerNumber, int> count;
  for (const Got& one : pump()) count[one.consumer] += 1;
  EXPECT_EQ(count, (std::map<ConsumerNumber, int>{{1, 2}, {2, 1}, {3, 2}}));
  EXPECT_EQ(got_.back().consumer, 1U);
}

TEST_F(DispatcherTest, AConsumerAtItsLimitOfUnackedMessagesIsPassedOver) {
  make(SubscriptionType::shared);
  join(1, {.messages = 100, .bytes = 1 << 20, .unacked_max = 2});
  join(2, {.messages = 100, .bytes = 1 << 20, .unacked_max = 3});
  for (int i = 0; i < 10; ++i) publish();
  EXPECT_EQ(pump().size(), 5U);
  EXPECT_TRUE(dispatcher_->recipients().find(1)->blocked_on_unacked());
  acknowledge(1, got_.front().consumer == 1 ? got_[0].entry : got_[1].entry);
  EXPECT_EQ(pump(), (std::vector<Got>{{1, 5, 0}}));
}

}  // namespace
}  // namespace geminga::broker
