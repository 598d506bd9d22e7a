// Steps on a partitioned topic act in one partition or on the whole, as each must.
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "conformance/partitions.hpp"

namespace geminga::conformance {
namespace {

TEST_F(Partitions, CumulativeAcknowledgementActsInItsPartition) {
  if (absent()) return;
  create(2);
  publish("t", 10);
  {
    auto receiver = consumer("t");
    std::map<std::int32_t, Delivery> last;
    for (int i = 0; i < 10; ++i) {
      auto delivery = next(receiver);
      last.insert_or_assign(delivery->id.partition, delivery);
    }
    ASSERT_TRUE(last.at(0).ack_cumulative());
  }
  EXPECT_EQ(subscription_stats("t").backlog, 5U);
}

TEST_F(Partitions, ASeekToAMessageMovesItsPartitionOnly) {
  if (absent()) return;
  create(2);
  // Holds everything, so that it is there to come back to.
  ASSERT_TRUE(admin().create_subscription("t", "keeper", InitialPosition::earliest));
  const auto ids = publish("t", 10);
  auto receiver = consumer("t");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(next(receiver).ack());
  ASSERT_TRUE(receiver.seek(ids[0]));
  for (int i = 0; i < 5; ++i) {
    auto delivery = next(receiver);
    EXPECT_EQ(delivery->id.partition, ids[0].partition);
    ASSERT_TRUE(delivery.ack());
  }
  expect_quiet(receiver);
  ASSERT_TRUE(admin().seek("t", "group", InitialPosition::latest));
  ASSERT_TRUE(admin().seek("t", "group", ids[1]));
  EXPECT_EQ(next(receiver)->id.partition, ids[1].partition);
}

TEST_F(Partitions, StepsToAPartitionedTopicAreRouted) {
  if (absent()) return;
  create(4);
  publish("in", 8);
  auto receiver = consumer("in");
  for (int i = 0; i < 8; ++i) {
    auto delivery = next(receiver);
    const auto ids = bus().forward(delivery, {{"t", body(delivery->body, "key")}, {"t", body("b")}}).value();
    EXPECT_GE(ids[0].partition, 0);
    EXPECT_GE(ids[1].partition, 0);
  }
  const TopicStats stats = admin().stats("t").value();
  EXPECT_EQ(stats.stored_messages, 16U);
  for (const TopicStats& each : stats.per_partition) EXPECT_GE(each.stored_messages, 2U) << each.topic;
  // And from one, in the same step.
  auto from = consumer("t");
  for (int i = 0; i < 16; ++i) {
    auto delivery = next(from);
    ASSERT_TRUE(bus().forward(delivery, {{"out", body(delivery->body)}}));
  }
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
  EXPECT_EQ(admin().stats("out").value().stored_messages, 16U);
}

TEST_F(Partitions, DeadLettersAreThoseOfTheWhole) {
  if (absent()) return;
  create(2);
  auto strict = options("t", SubscriptionType::shared);
  strict.negative_ack_delay = 1ms;
  strict.dead_letter = DeadLetterPolicy{.max_redeliveries = 1, .topic = ""};
  publish("t", 4);
  auto failing =
      bus().subscribe(strict, [](Delivery&) -> Result<> { return fail(ErrorCode::internal, "no"); }).value();
  auto dead = consumer("t-group-DLQ");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(next(dead)->properties.at("REAL_TOPIC").contains("t-partition-"));
}

TEST_F(Partitions, OnlyTheWholeIsDeleted) {
  if (absent()) return;
  create(3);
  publish("t", 6);
  EXPECT_EQ(admin().delete_topic(part(1), true).error().code, ErrorCode::conflict);
  auto receiver = consumer("t");
  auto sender = producer("t");
  EXPECT_EQ(admin().delete_topic("t").error().code, ErrorCode::conflict);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(next(receiver).ack()) << "nothing has changed";
  ASSERT_TRUE(admin().delete_topic("t", true));
  const auto ended = receiver.receive(kDeadline);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(sender.send(body("late")).error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(admin().partitions("t").value(), 0U);
  EXPECT_EQ(admin().stats("t").error().code, ErrorCode::topic_not_found);
  restart();
  EXPECT_EQ(admin().partitions("t").value(), 0U);
  publish("t", 1);
  EXPECT_EQ(admin().stats("t").value().stored_messages, 1U) << "a plain one now";
}

TEST_F(Partitions, NamesAndNumbersThatCannotBe) {
  if (absent()) return;
  create(3);
  EXPECT_EQ(admin().create_partitioned_topic("t", 3).error().code, ErrorCode::already_exists);
  EXPECT_EQ(admin().create_topic("t").error().code, ErrorCode::already_exists);
  EXPECT_EQ(admin().update_partitioned_topic("t", 2).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(admin().update_partitioned_topic("nothing", 2).error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(bus().create_producer({.topic = part(3)}).error().code, ErrorCode::topic_not_found);
  for (const std::uint32_t wrong : {0U, 10'001U})
    EXPECT_EQ(admin().create_partitioned_topic("u", wrong).error().code, ErrorCode::invalid_argument);
  ASSERT_TRUE(admin().create_topic("plain"));
  EXPECT_EQ(admin().create_partitioned_topic("plain", 2).error().code, ErrorCode::already_exists);
  EXPECT_EQ(admin().update_partitioned_topic("plain", 2).error().code, ErrorCode::conflict);
  const auto all = admin().partitioned_topics("public/default").value();
  ASSERT_EQ(all.size(), 2U) << "with the probe";
  EXPECT_EQ(all[1].topic, "persistent://public/default/t");
  EXPECT_EQ(all[1].partitions, 3U);
}

TEST_F(Partitions, AdministrationActsOnAll) {
  if (absent()) return;
  create(3);
  ASSERT_TRUE(admin().create_subscription("t", "group", InitialPosition::earliest));
  EXPECT_EQ(admin().create_subscription("t", "group", InitialPosition::earliest).error().code,
            ErrorCode::already_exists);
  ASSERT_TRUE(admin().set_retention("t", {.time = 1h, .bytes = std::nullopt}));
  publish("t", 9);
  EXPECT_EQ(subscription_stats("t").backlog, 9U);
  EXPECT_EQ(admin().skip("t", "group", 1).error().code, ErrorCode::invalid_argument);
  ASSERT_TRUE(admin().skip(part(0), "group", 1));
  EXPECT_EQ(subscription_stats("t").backlog, 8U);
  ASSERT_TRUE(admin().skip_all("t", "group"));
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
  std::vector<std::string> seen;
  std::optional<MessageId> after;
  while (true) {
    const auto page = admin().browse("t", after, 2).value();
    if (page.empty()) break;
    for (const Message& each : page) seen.push_back(each.body);
    after = page.back().id;
  }
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 9U);
  EXPECT_EQ(seen.size(), 9U);
  auto first = consumer("t", SubscriptionType::shared);
  auto second = consumer("t", SubscriptionType::shared);
  EXPECT_EQ(first.unsubscribe().error().code, ErrorCode::conflict);
  EXPECT_EQ(admin().delete_subscription("t", "group").error().code, ErrorCode::conflict);
  ASSERT_TRUE(second.close());
  ASSERT_TRUE(first.unsubscribe());
  EXPECT_TRUE(admin().stats("t").value().subscriptions.empty());
  EXPECT_EQ(admin().delete_subscription("t", "group").error().code, ErrorCode::subscription_not_found);
}

TEST_F(Partitions, OneProducerMayHaveThemAllForItself) {
  if (absent()) return;
  create(2);
  ProducerOptions alone;
  alone.topic = "t";
  alone.access = ProducerAccess::exclusive;
  auto first = bus().create_producer(alone);
  if (refused(Feature::exclusive_producer, first)) return;
  EXPECT_EQ(bus().create_producer(alone).error().code, ErrorCode::producer_fenced);
  EXPECT_EQ(bus().create_producer({.topic = part(1)}).error().code, ErrorCode::producer_busy);
  ASSERT_TRUE(first->close());
  EXPECT_TRUE(bus().create_producer(alone)) << "the one that was refused has left nothing behind";
}

TEST_F(Partitions, TheNumberAndThePositionsSurviveARestart) {
  if (absent()) return;
  create(3);
  publish("t", 30);
  {
    auto receiver = consumer("t");
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(next(receiver).ack());
  }
  ASSERT_TRUE(admin().update_partitioned_topic("t", 4));
  restart();
  EXPECT_EQ(admin().partitions("t").value(), 4U);
  EXPECT_EQ(subscription_stats("t").backlog, 18U);
  auto receiver = consumer("t");
  std::set<std::string> rest;
  for (int i = 0; i < 18; ++i) {
    auto delivery = next(receiver);
    rest.insert(delivery->body);
    ASSERT_TRUE(delivery.ack());
  }
  EXPECT_EQ(rest.size(), 18U);
  expect_quiet(receiver);
}

}  // namespace
}  // namespace geminga::conformance
