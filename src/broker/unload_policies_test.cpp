// Topics that nobody uses under policies: who stays loaded, and what reaches the others.
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
  // Longer than any wait for what unloads() makes pass.
  set_namespace({.inactive_after = std::chrono::years(50)});
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

}  // namespace
}  // namespace geminga::broker
