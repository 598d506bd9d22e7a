#include <future>
#include <thread>

#include "broker/subscription_fixture.hpp"
#include "broker/test_files.hpp"

namespace geminga::broker {
namespace {

using testing::Inbox;
using testing::kMany;
using testing::RefusingFiles;
using testing::SubscriptionTest;
using testing::wait_for;

TEST_F(SubscriptionTest, PartOfABatchStaysAcknowledgedOverARestartAndTheRestComesAgain) {
  {
    const TopicPtr t = topic();
    auto inbox = std::make_shared<Inbox>();
    const ConsumerPtr consumer = subscribe(t, inbox).value();
    const EntryId batch = publish_batch(t, 3);
    EXPECT_TRUE(inbox->next().acknowledged.empty());
    ASSERT_TRUE(acknowledge_some(consumer, batch, 0b001));
    EXPECT_EQ(stats(t).subscriptions.front().unacked, 2U);
  }
  reopen();
  {
    const TopicPtr t = topic();
    EXPECT_EQ(stats(t).subscriptions.front().backlog, 1U);
    auto inbox = std::make_shared<Inbox>();
    const ConsumerPtr consumer = subscribe(t, inbox).value();
    const Delivered again = inbox->next();
    EXPECT_EQ(again.acknowledged, AckBits{0b001});
    ASSERT_TRUE(acknowledge_some(consumer, again.entry.header.entry, 0b110));
    EXPECT_EQ(stats(t).subscriptions.front().backlog, 0U);
    EXPECT_EQ(acknowledge_some(consumer, again.entry.header.entry, 0b001).error().code, ErrorCode::conflict);
  }
  reopen();
  EXPECT_EQ(stats(topic()).subscriptions.front().backlog, 0U);
}

TEST_F(SubscriptionTest, StatisticsCountMessagesAndOfABatchThoseThatWereSent) {
  const TopicPtr t = topic();
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox).value();
  const EntryId batch = publish_batch(t, 3);
  static_cast<void>(inbox->next());
  ASSERT_TRUE(acknowledge_some(consumer, batch, 0b001));
  consumer->redeliver_all();
  static_cast<void>(inbox->next());
  EXPECT_EQ(stats(t).messages_in, 3U);
  EXPECT_EQ(stats(t).messages_out, 5U);
  EXPECT_EQ(stats(t).subscriptions.front().messages_out, 5U);
  auto read = std::make_shared<Inbox>();
  const auto reader = wait_for<ReaderPtr>([&](auto done) {
    broker_->create_reader(t, {.position = InitialPosition::earliest}, kMany, read, std::move(done));
  });
  ASSERT_TRUE(reader);
  static_cast<void>(read->next());
  EXPECT_EQ(stats(t).messages_out, 8U);
}

TEST_F(SubscriptionTest, CumulativeIsRefusedOnSharedAndChangesNothing) {
  const TopicPtr t = topic();
  for (const auto type : {SubscriptionType::shared, SubscriptionType::key_shared}) {
    auto inbox = std::make_shared<Inbox>();
    const ConsumerPtr consumer = subscribe(t, inbox, type).value();
    if (type == SubscriptionType::shared) publish(t, "x");
    const EntryId entry = expect_next(*inbox, "x").entry.header.entry;
    EXPECT_EQ(acknowledge_up_to(consumer, entry).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(stats(t).subscriptions.front().backlog, 1U);
    ASSERT_TRUE(close(consumer));
  }
}

TEST_F(SubscriptionTest, FailoverTellsWhoIsActiveBeforeItsFirstEntry) {
  const TopicPtr t = topic();
  auto one = std::make_shared<Inbox>();
  auto two = std::make_shared<Inbox>();
  const ConsumerPtr first = subscribe(t, one, SubscriptionType::failover).value();
  const ConsumerPtr second = subscribe(t, two, SubscriptionType::failover).value();
  EXPECT_TRUE(one->heard({"active"}));
  EXPECT_TRUE(two->heard({"inactive"}));
  publish(t, "a");
  publish(t, "b");
  expect_next(*one, "a");
  expect_next(*one, "b");
  ASSERT_TRUE(close(first));
  EXPECT_EQ(expect_next(*two, "a").redelivery_count, 1U);
  EXPECT_TRUE(two->heard({"inactive", "active"}));
  expect_next(*two, "b");
  auto three = std::make_shared<Inbox>();
  auto prior = options_of(SubscriptionType::failover);
  prior.priority = 0;
  const ConsumerPtr third = subscribe(t, three, prior).value();
  EXPECT_TRUE(three->heard({"inactive"})) << "of equals the longer connected stays";
}

TEST_F(SubscriptionTest, ATakeoverByPriorityTellsTheOldOneFirstAndRefusesItsAcknowledgements) {
  const TopicPtr t = topic();
  auto one = std::make_shared<Inbox>();
  auto low = options_of(SubscriptionType::failover);
  low.priority = 3;
  const ConsumerPtr first = subscribe(t, one, low).value();
  publish(t, "a");
  const EntryId a = expect_next(*one, "a").entry.header.entry;
  auto two = std::make_shared<Inbox>();
  const ConsumerPtr second = subscribe(t, two, options_of(SubscriptionType::failover)).value();
  EXPECT_TRUE(one->heard({"active", "inactive"}));
  EXPECT_TRUE(two->heard({"active"}));
  expect_next(*two, "a");
  EXPECT_EQ(acknowledge(first, a).error().code, ErrorCode::conflict);
  EXPECT_TRUE(acknowledge_up_to(second, a));
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 0U);
}

TEST_F(SubscriptionTest, OneStaleAcknowledgementBeforeACloseVoidsNoOther) {
  const TopicPtr t = topic();
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox).value();
  for (const char* text : {"a", "b", "c"}) publish(t, text);
  std::vector<EntryId> entries;
  for (const char* text : {"a", "b", "c"}) entries.push_back(expect_next(*inbox, text).entry.header.entry);
  consumer->redeliver({entries[1]}, std::chrono::hours(1), true);
  std::promise<Result<std::vector<EntryId>>> refused;
  // The close comes before the answer.
  broker_->stats(t, [&](const Result<TopicStats>&) {
    consumer->acknowledge_each(
        entries, [&](Result<std::vector<EntryId>> those) { refused.set_value(std::move(those)); });
    consumer->close([](const Result<>&) {});
  });
  EXPECT_EQ(refused.get_future().get(), std::vector{entries[1]});
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 1U);
}

TEST_F(SubscriptionTest, AClosedConsumerRemovesNoSubscriptionUnderAnother) {
  const TopicPtr t = topic();
  const ConsumerPtr gone = subscribe(t, std::make_shared<Inbox>()).value();
  ASSERT_TRUE(close(gone));
  const ConsumerPtr here = subscribe(t, std::make_shared<Inbox>()).value();
  const auto unsubscribe = [](const ConsumerPtr& consumer) {
    return wait_for<void>([&](auto done) { consumer->unsubscribe(std::move(done)); });
  };
  EXPECT_EQ(unsubscribe(gone).error().code, ErrorCode::conflict);
  EXPECT_TRUE(unsubscribe(here));
  const ConsumerPtr anew = subscribe(t, std::make_shared<Inbox>()).value();
  EXPECT_EQ(unsubscribe(here).error().code, ErrorCode::subscription_not_found);
}

TEST_F(SubscriptionTest, WhatIsOutForTooLongComesAgain) {
  const TopicPtr t = topic();
  auto inbox = std::make_shared<Inbox>();
  auto timed = options_of(SubscriptionType::shared);
  timed.ack_timeout = std::chrono::milliseconds{30};
  const ConsumerPtr consumer = subscribe(t, inbox, timed).value();
  publish(t, "a");
  EXPECT_EQ(expect_next(*inbox, "a").redelivery_count, 0U);
  EXPECT_EQ(expect_next(*inbox, "a").redelivery_count, 1U);
  EXPECT_GE(stats(t).subscriptions.front().redelivered, 1U);
}

TEST_F(SubscriptionTest, RedeliverAllBringsEverythingAgainInOrder) {
  const TopicPtr t = topic();
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox, SubscriptionType::exclusive).value();
  for (const char* text : {"a", "b", "c"}) publish(t, text);
  for (const char* text : {"a", "b", "c"}) expect_next(*inbox, text);
  ASSERT_TRUE(acknowledge(consumer, EntryId{1}));
  consumer->redeliver_all();
  EXPECT_EQ(expect_next(*inbox, "a").redelivery_count, 1U);
  EXPECT_EQ(expect_next(*inbox, "c").redelivery_count, 1U);
}

TEST_F(SubscriptionTest, SubscriptionsShareAMemoryBudgetAndLoseNothingByIt) {
  options_.state_bytes_max = 2'000;
  options_.state_each_min = 500;
  reopen();
  const TopicPtr t = topic();
  constexpr std::uint64_t kCount = 40;
  for (std::uint64_t i = 0; i < kCount; ++i) publish(t, std::to_string(i));
  auto one = std::make_shared<Inbox>();
  auto two = std::make_shared<Inbox>();
  SubscribeOptions other = options_of(SubscriptionType::shared);
  other.subscription = "other";
  const ConsumerPtr first = subscribe(t, one).value();
  const ConsumerPtr second = subscribe(t, two, other).value();
  const auto deadline = std::chrono::steady_clock::now() + testing::kPatience;
  while (broker_->broker_stats().paused < 2 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  for (const SubscriptionStats& each : stats(t).subscriptions)
    EXPECT_NE(each.dispatch_paused.find("memory"), std::string::npos) << each.name;
  EXPECT_LT(one->size() + two->size(), kCount);
  EXPECT_GE(broker_->broker_stats().state_bytes, 2'000U);
  for (std::uint64_t i = 0; i < kCount; ++i) {
    expect_next(*one, std::to_string(i));
    ASSERT_TRUE(acknowledge(first, EntryId{i}));
  }
  for (std::uint64_t i = 0; i < kCount; ++i) {
    expect_next(*two, std::to_string(i));
    ASSERT_TRUE(acknowledge(second, EntryId{i}));
  }
}

TEST_F(SubscriptionTest, LimitsOfUnacknowledgedMessagesHoldDispatchAndAreSaid) {
  options_.unacked_per_consumer_max = 2;
  options_.unacked_per_subscription_max = 3;
  reopen();
  const TopicPtr t = topic();
  auto one = std::make_shared<Inbox>();
  const ConsumerPtr first = subscribe(t, one).value();
  for (const char* text : {"a", "b", "c", "d", "e"}) publish(t, text);
  expect_next(*one, "a");
  expect_next(*one, "b");
  auto stats_now = stats(t).subscriptions.front();
  EXPECT_TRUE(stats_now.connected.front().blocked);
  EXPECT_EQ(stats_now.unacked, 2U);
  EXPECT_EQ(stats_now.dispatch_paused, "");
  auto two = std::make_shared<Inbox>();
  const ConsumerPtr second = subscribe(t, two).value();
  expect_next(*two, "c");
  stats_now = stats(t).subscriptions.front();
  EXPECT_NE(stats_now.dispatch_paused, "");
  EXPECT_FALSE(stats_now.connected.back().blocked) << "the subscription's limit came first";
  ASSERT_TRUE(acknowledge(second, EntryId{2}));
  expect_next(*two, "d");
  EXPECT_EQ(one->size(), 0U);
}

TEST_F(SubscriptionTest, AReadThatFailsForAWhileIsRepeatedAndTheConsumersStay) {
  RefusingFiles files;
  options_.files = &files;
  options_.memory_table_bytes = 64 << 10;
  reopen();
  const TopicPtr t = topic();
  const std::string big(8 << 10, 'x');
  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->create_subscription(t, "s", InitialPosition::earliest, std::move(done)); }));
  publish(t, "first");
  while (broker_->broker_stats().log.segments == 0) publish(t, big);
  files.refuse_reading = true;
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox).value();
  // The first read has failed when a second question of the core is answered.
  static_cast<void>(stats(t));
  files.refuse_reading = false;
  expect_next(*inbox, "first");
  ASSERT_TRUE(broker_->close());
}

TEST_F(SubscriptionTest, AReaderGetsNoMoreThanItsPermitsAndTheRestOfOneEntry) {
  const TopicPtr t = topic();
  const auto read = [&](Permits permits, std::shared_ptr<Inbox> inbox) {
    return wait_for<ReaderPtr>([&](auto done) {
             broker_->create_reader(t, {.position = InitialPosition::earliest}, permits, std::move(inbox),
                                    std::move(done));
           })
        .value();
  };
  for (int i = 0; i < 4; ++i) publish_batch(t, 3);
  auto few_messages = std::make_shared<Inbox>();
  const ReaderPtr one = read({.messages = 2, .bytes = 1 << 20}, few_messages);
  auto few_bytes = std::make_shared<Inbox>();
  const ReaderPtr two = read({.messages = 1'000, .bytes = 300}, few_bytes);
  static_cast<void>(stats(t));  // behind the turns in which they read
  EXPECT_EQ(few_messages->size(), 1U);
  EXPECT_EQ(few_bytes->size(), 2U) << "an entry costs 256 bytes and its body";
  one->flow({.messages = 2, .bytes = 0});
  static_cast<void>(stats(t));
  EXPECT_EQ(few_messages->size(), 2U) << "and goes on where it stopped";
}

TEST_F(SubscriptionTest, HashRangesThatAreRefusedLeaveNoSubscriptionBehind) {
  const TopicPtr t = topic();
  auto wrong = options_of(SubscriptionType::shared);
  wrong.hash_ranges = {{.first = 0, .last = 100}};
  EXPECT_EQ(subscribe(t, std::make_shared<Inbox>(), wrong).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(stats(t).subscriptions.empty());
}

TEST_F(SubscriptionTest, StatisticsAreAnsweredWhileTheBrokerCloses) {
  /// Asks when it hears of the end: the answer comes in a later turn of the core.
  class Asking final : public DeliverySink {
   public:
    std::function<void()> ask;
    void on_entries(std::vector<Delivered>) override {}
    void on_closed(Error) override { ask(); }
  };
  const TopicPtr t = topic();
  auto sink = std::make_shared<Asking>();
  std::promise<Result<TopicStats>> answered;
  sink->ask = [&] {
    broker_->stats(t, [&](Result<TopicStats> stats) { answered.set_value(std::move(stats)); });
  };
  const auto consumer = wait_for<ConsumerPtr>(
      [&](auto done) { broker_->subscribe(t, options_of(SubscriptionType::shared), sink, std::move(done)); });
  ASSERT_TRUE(consumer);
  ASSERT_TRUE(broker_->close());
  const auto stats = answered.get_future().get();
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->subscriptions.front().consumers, 0U);
  EXPECT_TRUE(stats->subscriptions.front().connected.empty());
}

TEST_F(SubscriptionTest, ConsumersOfHashRangesMustNotOverlapOrMix) {
  const TopicPtr t = topic();
  auto ranged = options_of(SubscriptionType::key_shared);
  ranged.hash_ranges = {{.first = 0, .last = 100}};
  const ConsumerPtr first = subscribe(t, std::make_shared<Inbox>(), ranged).value();
  EXPECT_EQ(subscribe(t, std::make_shared<Inbox>(), ranged).error().code, ErrorCode::consumer_busy);
  EXPECT_EQ(subscribe(t, std::make_shared<Inbox>(), SubscriptionType::key_shared).error().code,
            ErrorCode::subscription_type_mismatch);
  ranged.hash_ranges = {{.first = 101, .last = 65'536}};
  EXPECT_EQ(subscribe(t, std::make_shared<Inbox>(), ranged).error().code, ErrorCode::invalid_argument);
  ranged.hash_ranges = {{.first = 101, .last = 65'535}, {.first = 65'000, .last = 65'001}};
  EXPECT_EQ(subscribe(t, std::make_shared<Inbox>(), ranged).error().code, ErrorCode::invalid_argument)
      << "its own ranges overlap";
  ranged.hash_ranges = {{.first = 101, .last = 65'535}};
  EXPECT_TRUE(subscribe(t, std::make_shared<Inbox>(), ranged));
  ASSERT_TRUE(close(first));
  ranged.hash_ranges = {{.first = 100, .last = 100}};
  EXPECT_TRUE(subscribe(t, std::make_shared<Inbox>(), ranged)) << "free again";
}

}  // namespace
}  // namespace geminga::broker
