// Topics that nobody uses are not in memory, and nobody notices.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "base/partition_name.hpp"
#include "broker/broker_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::eventually;
using testing::Inbox;
using testing::wait_for;

constexpr char kName[] = "persistent://public/default/t";

class UnloadTest : public testing::BrokerTest {
 protected:
  void SetUp() override {
    options_.trim_every = 1ms;
    options_.clock = &clock_;
    options_.cores = 2;
    BrokerTest::SetUp();
  }
  [[nodiscard]] std::uint64_t loaded() const { return broker_->broker_stats().topics_loaded; }
  /// Time passes until only these many topics are loaded.
  bool unloads(std::uint64_t left = 0) {
    return eventually([&] {
      clock_.advance(options_.unload_after);
      return loaded() == left;
    });
  }
  Result<> subscription(const TopicPtr& of, const std::string& name = "s") {
    return wait_for<void>([&](auto done) {
      broker_->create_subscription(of, name, InitialPosition::earliest, std::move(done));
    });
  }
  template <class Call>
  Result<> call(Call start) {
    return wait_for<void>(std::move(start));
  }
  ProducerPtr producer(RegisterOptions options = {}) {
    const TopicPtr to = topic();
    return wait_for<ProducerPtr>(
               [&](auto done) { broker_->create_producer(to, std::move(options), std::move(done)); })
        .value();
  }
  static Result<std::vector<MessageId>> send(const ProducerPtr& from, std::uint64_t sequence) {
    std::vector<storage::Append> one;
    one.push_back(encode_raw({.body = "x"}, "", Timestamp{}));
    one.back().flags = storage::EntryFlags::kDeduplicate;
    one.back().sequence = sequence;
    return wait_for<std::vector<MessageId>>(
        [&](auto done) { from->publish(std::move(one), std::move(done)); });
  }

  base::ManualClock clock_;
};

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

TEST_F(UnloadTest, NamesPoliciesAndTheEndOfATopicOutliveIt) {
  ASSERT_TRUE(
      call([&](auto done) { broker_->set_policies(topic(), {.max_producers = 1}, std::move(done)); }));
  ASSERT_TRUE(call([&](auto done) {
    broker_->set_retention(topic(), {.time = std::nullopt, .bytes = std::nullopt}, std::move(done));
  }));
  publish(topic(), "x");
  ASSERT_TRUE(wait_for<std::optional<MessageId>>(
      [&](auto done) { broker_->terminate_topic(topic(), std::move(done)); }));
  ASSERT_TRUE(unloads());
  EXPECT_THAT(broker_->topics("public/default").value(), ElementsAre(kName));
  EXPECT_EQ(call([&](auto done) { broker_->create_topic(kName, std::move(done)); }).error().code,
            ErrorCode::already_exists);
  EXPECT_EQ(wait_for<Policies>([&](auto done) { broker_->policies(topic(), std::move(done)); }).value(),
            Policies{.max_producers = 1});
  const TopicStats known = stats(topic());
  EXPECT_TRUE(known.terminated);
  EXPECT_EQ(known.stored_messages, 1U);
  const auto refused =
      wait_for<ProducerPtr>([&](auto done) { broker_->create_producer(topic(), {}, std::move(done)); });
  EXPECT_EQ(refused.error().code, ErrorCode::topic_terminated);
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

TEST_F(UnloadTest, WhatDependsOnTimeHappensThoughNobodyUsesTheTopic) {
  ASSERT_TRUE(subscription(topic()));
  ASSERT_TRUE(call([&](auto done) {
    broker_->set_namespace_policies("public/default", {.message_ttl = 1h}, std::move(done));
  }));
  publish(topic(), "x");
  clock_.advance(30min);
  EXPECT_EQ(broker_->broker_stats().backlog, 1U);
  clock_.advance(31min);
  EXPECT_TRUE(eventually([&] { return broker_->broker_stats().backlog == 0; }));
  EXPECT_TRUE(unloads());
}

TEST_F(UnloadTest, PoliciesOfTheNamespaceReachTopicsThatAreNotLoaded) {
  ASSERT_TRUE(subscription(topic()));
  publish(topic(), "x");
  topic("persistent://public/default/empty");
  topic("persistent://public/defaults/elsewhere");
  ASSERT_TRUE(unloads());
  ASSERT_TRUE(call([&](auto done) {
    broker_->set_namespace_policies("public/default", {.message_ttl = 1s, .inactive_after = 5min},
                                    std::move(done));
  }));
  EXPECT_TRUE(eventually([&] {
    clock_.advance(1min);
    const BrokerStats sums = broker_->broker_stats();
    return sums.backlog == 0 && sums.topics == 2;
  }));
  EXPECT_THAT(broker_->topics("public/default").value(), ElementsAre(kName));
}

/// What is answered before it is durable belongs to the topic still: TTL and sums would not see it else.
TEST_F(UnloadTest, ATopicStaysUntilAllThatWasAnsweredIsDurable) {
  broker_.reset();
  options_.cores = 1;
  options_.unload_after = 0ms;
  open();
  constexpr char kSync[] = "persistent://public/other/sync";
  topic(kSync);
  ASSERT_TRUE(subscription(topic()));
  // Else it is trimmed, and what is trimmed takes along what waits.
  ASSERT_TRUE(call([&](auto done) {
    broker_->set_retention(topic(), {.time = std::nullopt, .bytes = std::nullopt}, std::move(done));
  }));
  ASSERT_TRUE(call([&](auto done) {
    const Policies policies{.message_ttl = 1s, .durability = Durability{1min}};
    broker_->set_namespace_policies("public/default", policies, std::move(done));
  }));
  {
    const auto inbox = std::make_shared<Inbox>();
    const ConsumerPtr consumer = subscribe(topic(), inbox).value();
    publish(topic(), "1");
    ASSERT_TRUE(acknowledge(consumer, inbox->next().entry.header.entry));
  }
  publish(topic(), "2");
  ASSERT_EQ(broker_->broker_stats().log.answered_early, 1U);
  // This one is looked at beside the other, and as often.
  topic("persistent://public/other/marker");
  ASSERT_TRUE(eventually([&] { return loaded() <= 1; }));
  EXPECT_EQ(loaded(), 1U);
  publish(topic(kSync), "takes it along");
  EXPECT_TRUE(eventually([&] { return broker_->broker_stats().backlog == 1; }));
  clock_.advance(2s);
  EXPECT_TRUE(eventually([&] { return broker_->broker_stats().backlog == 0; }));
  EXPECT_EQ(stats(topic()).messages_in, 2U);
  EXPECT_EQ(stats(topic()).subscriptions.at(0).backlog, 0U);
}

TEST_F(UnloadTest, ATopicIsSyncAgainThoughItsNamespaceWasSetBackWhileItWasNotLoaded) {
  const auto set_namespace = [&](Policies policies) {
    ASSERT_TRUE(call(
        [&](auto done) { broker_->set_namespace_policies("public/default", policies, std::move(done)); }));
  };
  topic();
  set_namespace({.durability = Durability{1min}});
  ASSERT_EQ(stats(topic()).durability, Durability{1min});
  publish(topic(), "1");
  publish(topic(), "2");
  publish(topic("persistent://public/other/sync"), "takes it along");
  const std::uint64_t early = broker_->broker_stats().log.answered_early;
  EXPECT_EQ(early, 1U);
  ASSERT_TRUE(unloads());
  set_namespace({});
  EXPECT_EQ(stats(topic()).durability, Durability{});
  publish(topic(), "3");
  publish(topic(), "4");
  EXPECT_EQ(broker_->broker_stats().log.answered_early, early);
}

TEST_F(UnloadTest, RetentionByTimeKeepsATopicLoadedUntilItHasForgotten) {
  ASSERT_TRUE(call([&](auto done) {
    broker_->set_retention(topic(), {.time = 1h, .bytes = std::nullopt}, std::move(done));
  }));
  publish(topic(), "x");
  clock_.advance(59min);
  EXPECT_EQ(stats(topic()).stored_messages, 1U);
  clock_.advance(2min);
  EXPECT_TRUE(unloads());
  EXPECT_EQ(stats(topic()).stored_messages, 0U);
}

TEST_F(UnloadTest, AStartLoadsWhatHasSomethingToDoOnly) {
  ASSERT_TRUE(subscription(topic()));
  publish(topic(), "x");
  topic("persistent://public/default/bare");
  const TopicPtr old = topic("persistent://public/default/kept");
  ASSERT_TRUE(call(
      [&](auto done) { broker_->set_retention(old, {.time = 1h, .bytes = std::nullopt}, std::move(done)); }));
  publish(old, "y");
  reopen();
  const BrokerStats sums = broker_->broker_stats();
  EXPECT_EQ(sums.topics, 3U);
  EXPECT_EQ(sums.topics_loaded, 1U);
  EXPECT_EQ(sums.subscriptions, 1U);
  EXPECT_EQ(sums.backlog, 1U);
  clock_.advance(2h);
  EXPECT_TRUE(unloads());
  EXPECT_EQ(stats(topic("persistent://public/default/kept")).stored_messages, 0U);
  const auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(topic(), inbox).value();
  EXPECT_EQ(body(inbox->next()), "x");
}

TEST_F(UnloadTest, PoliciesLoadWhatTheyHaveSomethingToDoWithOnly) {
  ASSERT_TRUE(subscription(topic("persistent://public/default/behind")));
  publish(topic("persistent://public/default/behind"), "x");
  ASSERT_TRUE(subscription(topic("persistent://public/default/idle")));
  topic("persistent://public/default/bare");
  ASSERT_TRUE(unloads());
  const auto set_namespace = [&](Policies policies) {
    ASSERT_TRUE(call(
        [&](auto done) { broker_->set_namespace_policies("public/default", policies, std::move(done)); }));
  };
  set_namespace({.message_ttl = 1h});
  EXPECT_EQ(loaded(), 1U);
  reopen();
  EXPECT_EQ(loaded(), 1U);
  set_namespace({.inactive_after = 1h});
  EXPECT_TRUE(unloads(1)) << "the one without subscriptions";
  reopen();
  EXPECT_EQ(loaded(), 1U);
}

TEST_F(UnloadTest, PartitionsAreNotWatchedForInactivity) {
  constexpr char kOrders[] = "persistent://public/default/orders";
  ASSERT_TRUE(call([&](auto done) { broker_->create_partitioned_topic(kOrders, 2, std::move(done)); }));
  ASSERT_TRUE(call([&](auto done) {
    broker_->set_namespace_policies("public/default", {.inactive_after = 1h}, std::move(done));
  }));
  EXPECT_TRUE(unloads());
  EXPECT_EQ(broker_->broker_stats().topics, 2U);
}

TEST_F(UnloadTest, ACompactionThatFailedKeepsNoTopicAndIsRemembered) {
  broker_.reset();
  options_.compaction_memory_bytes = 1;
  open();
  std::vector<Publication> one;
  one.push_back({.topic = topic(), .append = encode_raw({.body = "x", .key = "k"}, "", Timestamp{})});
  ASSERT_TRUE(wait_for<std::vector<MessageId>>(
      [&](auto done) { broker_->publish(std::move(one), std::move(done)); }));
  ASSERT_TRUE(call([&](auto done) { broker_->compact(topic(), std::move(done)); }));
  EXPECT_TRUE(eventually([&] { return stats(topic()).compaction.state == CompactionState::failed; }));
  const std::string why = stats(topic()).compaction.failure;
  EXPECT_TRUE(unloads());
  EXPECT_EQ(stats(topic()).compaction.state, CompactionState::failed);
  EXPECT_EQ(stats(topic()).compaction.failure, why);
}

TEST_F(UnloadTest, ARateThatWasSpentInAdvanceIsNotForgotten) {
  broker_.reset();
  options_.cores = 1;
  open();
  ASSERT_TRUE(call([&](auto done) {
    broker_->set_policies(topic(), {.publish_messages_per_second = 1}, std::move(done));
  }));
  {
    const ProducerPtr one = producer();
    std::vector<storage::Append> batch;
    batch.push_back(encode_raw({.body = std::string(100'000, 'x')}, "", Timestamp{}));
    batch.back().message_count = 100'000;
    ASSERT_TRUE(wait_for<std::vector<MessageId>>(
        [&](auto done) { one->publish(std::move(batch), std::move(done)); }));
  }
  // This one is looked at beside the other, and as often.
  topic("persistent://public/other/marker");
  clock_.advance(options_.unload_after);
  EXPECT_TRUE(eventually([&] {
    clock_.advance(1s);
    return loaded() <= 1;
  }));
  EXPECT_EQ(loaded(), 1U);
  clock_.advance(48h);
  EXPECT_TRUE(unloads());
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
