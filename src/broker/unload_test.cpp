// Topics that nobody uses are not in memory, and nobody notices.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "base/partition_name.hpp"
#include "broker/unload_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::eventually;
using testing::Inbox;
using testing::UnloadTest;
using testing::wait_for;

constexpr char kName[] = "persistent://public/default/t";

TEST_F(UnloadTest, ATopicThatNobodyUsedForTheTimeIsUnloadedAndComesBackWhole) {
  const auto inbox = std::make_shared<Inbox>();
  ConsumerPtr consumer = subscribe(topic(), inbox).value();
  const MessageId first = publish(topic(), "one");
  for (const char* body : {"two", "three"}) publish(topic(), body);
  inbox->next();
  ASSERT_TRUE(acknowledge(consumer, inbox->next().entry.header.entry));
  inbox->next();
  // What is out with nobody comes again, and is counted so by this broker only: it stays.
  consumer.reset();
  clock_.advance(10min);
  EXPECT_EQ(stats(topic()).subscriptions.at(0).backlog, 2U);
  const auto again = std::make_shared<Inbox>();
  consumer = subscribe(topic(), again).value();
  const EntryId redelivered = again->next().entry.header.entry;
  EXPECT_EQ(redelivered, first.entry);
  ASSERT_TRUE(acknowledge(consumer, redelivered));
  const EntryId last = again->next().entry.header.entry;
  ASSERT_TRUE(acknowledge(consumer, last));
  publish(topic(), "four");
  again->next();
  const TopicStats before = stats(topic());
  ASSERT_TRUE(acknowledge(consumer, EntryId{3}));
  consumer.reset();

  EXPECT_EQ(loaded(), 1U);
  ASSERT_TRUE(unloads());
  BrokerStats sums = broker_->broker_stats();
  EXPECT_EQ(sums.topics, 1U);
  EXPECT_EQ(sums.subscriptions, 1U);
  const TopicStats after = stats(topic());
  EXPECT_EQ(loaded(), 1U);
  EXPECT_EQ(after.messages_in, 4U);
  EXPECT_EQ(after.bytes_in, before.bytes_in);
  EXPECT_EQ(after.messages_out, before.messages_out);
  EXPECT_EQ(after.bytes_out, before.bytes_out);
  const SubscriptionStats& one = after.subscriptions.at(0);
  EXPECT_EQ(one.type, SubscriptionType::shared);
  EXPECT_EQ(one.backlog, 0U);
  EXPECT_EQ(one.messages_out, before.subscriptions.at(0).messages_out);
  EXPECT_EQ(one.redelivered, before.subscriptions.at(0).redelivered);
  const MessageId next = publish(topic(), "five");
  EXPECT_EQ(next.ledger, first.ledger);
  EXPECT_EQ(next.entry, EntryId{4});
  const auto late = std::make_shared<Inbox>();
  const ConsumerPtr reader = subscribe(topic(), late).value();
  EXPECT_EQ(body(late->next()), "five");
}

TEST_F(UnloadTest, WhoUsesATopicKeepsItAndLookingAtItCounts) {
  const TopicPtr held = topic();
  const auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(topic("persistent://public/default/used"), inbox).value();
  topic("persistent://public/default/free");
  ASSERT_TRUE(unloads(2));
  clock_.advance(1h);
  publish(held, "x");
  EXPECT_EQ(stats(held).messages_in, 1U);
  EXPECT_EQ(loaded(), 2U);
  EXPECT_EQ(broker_->broker_stats().topics, 3U);
}

TEST_F(UnloadTest, PositionsBatchesAndTheBacklogAreThoseOfBefore) {
  ASSERT_TRUE(subscription(topic()));
  for (int i = 0; i < 6; ++i) publish(topic(), std::to_string(i));
  {
    const auto inbox = std::make_shared<Inbox>();
    SubscribeOptions options = options_of(SubscriptionType::shared);
    options.permits.messages = 2;
    const ConsumerPtr consumer = subscribe(topic(), inbox, options).value();
    for (int i = 0; i < 2; ++i) {
      const EntryId entry = inbox->next().entry.header.entry;
      if (i == 0) {
        consumer->redeliver({entry}, 0ms, false);
      } else {
        ASSERT_TRUE(acknowledge(consumer, entry));
      }
    }
    consumer->flow({.messages = 1, .bytes = 1 << 20});
    ASSERT_TRUE(acknowledge(consumer, inbox->next().entry.header.entry));
  }
  EXPECT_EQ(stats(topic()).subscriptions.at(0).backlog, 4U);
  ASSERT_TRUE(unloads());
  EXPECT_EQ(broker_->broker_stats().backlog, 4U);
  const auto inbox = std::make_shared<Inbox>();
  ConsumerPtr consumer = subscribe(topic(), inbox).value();
  for (int i = 2; i < 6; ++i) {
    const Delivered one = inbox->next();
    EXPECT_EQ(body(one), std::to_string(i));
    EXPECT_EQ(one.redelivery_count, 0U);
  }
  EXPECT_EQ(broker_->broker_stats().backlog, 4U);
}

TEST_F(UnloadTest, ProducersAreKnownAgain) {
  {
    const ProducerPtr one = producer({.name = "p", .access = ProducerAccess::exclusive});
    EXPECT_EQ(one->epoch(), 1U);
    ASSERT_TRUE(send(one, 7));
  }
  ASSERT_TRUE(unloads());
  const ProducerPtr again = producer({.name = "p", .access = ProducerAccess::exclusive});
  EXPECT_EQ(again->epoch(), 2U);
  EXPECT_EQ(again->last_sequence_id(), 7U);
  EXPECT_EQ(send(again, 7).value().front().entry, EntryId{0});
  EXPECT_EQ(send(again, 8).value().front().entry, EntryId{1});
}

TEST_F(UnloadTest, AnUnloadedTopicCanBeDeletedAndMadeAgain) {
  ASSERT_TRUE(subscription(topic()));
  const MessageId old = publish(topic(), "old");
  ASSERT_TRUE(unloads());
  ASSERT_TRUE(call([&](auto done) { broker_->delete_topic(kName, false, std::move(done)); }));
  EXPECT_EQ(broker_->broker_stats().topics, 0U);
  EXPECT_GT(publish(topic(), "new").ledger, old.ledger);
  EXPECT_TRUE(stats(topic()).subscriptions.empty());
  EXPECT_EQ(stats(topic()).messages_in, 1U);
}

TEST_F(UnloadTest, PartitionsComeBackWithTheirNumbersAndGoWithTheWhole) {
  constexpr char kOrders[] = "persistent://public/default/orders";
  ASSERT_TRUE(call([&](auto done) { broker_->create_partitioned_topic(kOrders, 2, std::move(done)); }));
  ASSERT_TRUE(subscription(topic(base::partition_name(kOrders, 0))));
  ASSERT_TRUE(unloads());
  ASSERT_TRUE(call([&](auto done) { broker_->grow_partitions(kOrders, 4, std::move(done)); }));
  ASSERT_TRUE(unloads());
  const TopicPtr last = topic(base::partition_name(kOrders, 3));
  EXPECT_EQ(publish(last, "x").partition, 3);
  EXPECT_EQ(stats(last).subscriptions.at(0).backlog, 1U);
  EXPECT_EQ(broker_->broker_stats().topics, 4U);
}

TEST_F(UnloadTest, APartitionedTopicIsDeletedWhileNoneOfItIsLoaded) {
  constexpr char kOrders[] = "persistent://public/default/orders";
  ASSERT_TRUE(call([&](auto done) { broker_->create_partitioned_topic(kOrders, 3, std::move(done)); }));
  publish(topic(base::partition_name(kOrders, 1)), "x");
  ASSERT_TRUE(unloads());
  ASSERT_TRUE(call([&](auto done) { broker_->delete_topic(kOrders, false, std::move(done)); }));
  EXPECT_EQ(broker_->broker_stats().topics, 0U);
  EXPECT_TRUE(broker_->topics("public/default").value().empty());
}

TEST_F(UnloadTest, TopicsThatComeAndGoAllTheTimeLoseNothing) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 100;
  broker_.reset();
  options_.unload_after = 0ms;
  open();
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.push_back(kName + std::to_string(i));
  for (const std::string& name : names) ASSERT_TRUE(subscription(topic(name)));
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> taken{0};
  const auto work = [&](int thread) {
    std::mt19937 random(static_cast<std::mt19937::result_type>(thread));
    for (int round = 0; round < kRounds; ++round) {
      const std::string& name = names[random() % names.size()];
      switch (random() % 4) {
        case 0:
          ++begun;  // nobody waits: the message is under way when the last one who knows the topic lets go.
          broker_->open_topic(name, true, [&](const Result<TopicPtr>& opened) {
            std::vector<Publication> one;
            one.push_back({.topic = opened.value(), .append = encode_raw({.body = "x"}, "", Timestamp{})});
            broker_->publish(std::move(one), [&](const auto& ids) { published += ids ? 1 : 0; });
          });
          break;
        case 1:
          ++begun;
          publish(topic(name), "x");
          ++published;
          break;
        case 2:
          stats(topic(name));
          break;
        default: {
          const auto inbox = std::make_shared<Inbox>();
          SubscribeOptions options = options_of(SubscriptionType::shared);
          options.permits.messages = 1;  // nothing else is out with it, which would keep the topic
          const auto consumer = subscribe(topic(name), inbox, options).value();
          ++begun;
          publish(topic(name), "x");
          ++published;
          ASSERT_TRUE(acknowledge(consumer, inbox->next().entry.header.entry));
          ++taken;
        }
      }
      std::this_thread::yield();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
    std::uint64_t fewest = names.size();
    while (begun < kThreads * kRounds / 4) fewest = std::min(fewest, loaded());
    EXPECT_LT(fewest, names.size());
  }
  const auto sum = [&](auto of) {
    std::uint64_t all = 0;
    for (const std::string& name : names) all += of(stats(topic(name)));
    return all;
  };
  ASSERT_TRUE(eventually([&] { return published == begun; }));
  EXPECT_EQ(sum([](const TopicStats& each) { return each.messages_in; }), published);
  EXPECT_EQ(sum([](const TopicStats& each) { return each.subscriptions.at(0).backlog; }), published - taken);
  EXPECT_EQ(broker_->broker_stats().backlog, published - taken);
  EXPECT_EQ(broker_->broker_stats().topics, names.size());
}

}  // namespace
}  // namespace geminga::broker
