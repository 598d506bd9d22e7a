#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

/// Topics with partitions: proven where the engine has them, refused with its reason else.
class Partitions : public Conformance {
 protected:
  /// True: proven to be refused, nothing else to see.
  bool absent() { return refused(Feature::partitioned_topics, admin().create_partitioned_topic("probe", 2)); }
  [[nodiscard]] Admin admin() { return bus().admin(); }
  void create(std::uint32_t partitions) { ASSERT_TRUE(admin().create_partitioned_topic("t", partitions)); }
  static std::string part(std::uint32_t number) { return "t-partition-" + std::to_string(number); }
  static OutgoingMessage numbered(std::uint64_t id) {
    OutgoingMessage message = body(std::to_string(id));
    message.sequence_id = id;
    return message;
  }
};

TEST_F(Partitions, KeysKeepTheirOrderAndTheirPartition) {
  if (absent()) return;
  create(4);
  auto receiver = consumer("t");
  auto sender = producer("t");
  std::vector<OutgoingMessage> messages;
  for (int i = 0; i < 200; ++i) messages.push_back(body(std::to_string(i), "key-" + std::to_string(i % 10)));
  ASSERT_TRUE(sender.send_batch(std::move(messages)));
  std::map<std::string, int> last;
  std::map<std::string, std::int32_t> where;
  std::set<std::int32_t> used;
  for (int i = 0; i < 200; ++i) {
    auto delivery = next(receiver);
    const int number = std::stoi(delivery->body);
    const auto [seen, first] = last.try_emplace(delivery->key, number);
    if (!first) {
      EXPECT_EQ(number, seen->second + 10) << delivery->key;
    }
    seen->second = number;
    EXPECT_EQ(where.try_emplace(delivery->key, delivery->id.partition).first->second, delivery->id.partition);
    EXPECT_EQ(delivery->topic,
              "persistent://public/default/" + part(static_cast<std::uint32_t>(delivery->id.partition)));
    used.insert(delivery->id.partition);
    ASSERT_TRUE(delivery.ack());
  }
  EXPECT_GT(used.size(), 1U);
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Partitions, WithoutAKeyEveryPartitionHasItsTurn) {
  if (absent()) return;
  create(3);
  for (const MessageId& id : publish("t", 9)) EXPECT_GE(id.partition, 0);
  const TopicStats stats = admin().stats("t").value();
  EXPECT_EQ(stats.partitions, 3U);
  EXPECT_EQ(stats.stored_messages, 9U);
  ASSERT_EQ(stats.per_partition.size(), 3U);
  for (const TopicStats& each : stats.per_partition) EXPECT_EQ(each.stored_messages, 3U) << each.topic;
}

TEST_F(Partitions, AGroupGetsEverythingOnce) {
  if (absent()) return;
  create(5);
  std::vector<Consumer> group;
  for (int i = 0; i < 3; ++i) group.push_back(consumer("t", SubscriptionType::shared));
  publish("t", 300);
  std::set<std::string> got;
  std::size_t turn = 0;
  ASSERT_TRUE(eventually([&] {
    auto delivery = group[turn++ % group.size()].receive(10ms);
    if (delivery) {
      EXPECT_TRUE(got.insert((*delivery)->body).second) << (*delivery)->body;
      EXPECT_TRUE(delivery->ack());
    }
    return got.size() == 300;
  }));
  for (Consumer& each : group) expect_quiet(each, 50ms);
  const SubscriptionStats stats = subscription_stats("t");
  EXPECT_EQ(stats.backlog, 0U);
  EXPECT_EQ(stats.consumers, 3U) << "each counts once, whatever it is connected to";
}

TEST_F(Partitions, AHotPartitionIsNotHeldBackByItsShareOfTheQueue) {
  if (absent()) return;
  create(10);
  auto small = options("t");
  small.receiver_queue_size = 20;
  auto receiver = bus().subscribe(small).value();
  publish("t", 500, "one key");
  for (int i = 0; i < 500; ++i) {
    auto delivery = next(receiver);
    ASSERT_EQ(delivery->body, std::to_string(i));
    ASSERT_TRUE(delivery.ack());
  }
}

TEST_F(Partitions, MorePartitionsThanPlacesInTheQueue) {
  if (absent()) return;
  create(12);
  auto small = options("t", SubscriptionType::shared);
  small.receiver_queue_size = 1;
  auto receiver = bus().subscribe(small).value();
  publish("t", 100);
  std::set<std::string> got;
  for (int i = 0; i < 100; ++i) {
    auto delivery = next(receiver);
    got.insert(delivery->body);
    ASSERT_TRUE(delivery.ack());
  }
  EXPECT_EQ(got.size(), 100U);
}

TEST_F(Partitions, GrowthUnderLiveClientsLosesAndDoublesNothing) {
  if (absent()) return;
  create(2);
  constexpr int kSenders = 2;
  constexpr int kEach = 1'500;
  std::mutex mutex;
  std::multiset<std::string> got;  // under mutex
  std::set<std::int32_t> used;     // under mutex
  auto shared = options("t", SubscriptionType::shared);
  shared.handler_threads = 2;
  std::vector<Consumer> group;
  for (int i = 0; i < 2; ++i) {
    group.push_back(bus()
                        .subscribe(shared,
                                   [&](Delivery& delivery) -> Result<> {
                                     const std::lock_guard lock(mutex);
                                     got.insert(delivery->body);
                                     used.insert(delivery->id.partition);
                                     return {};
                                   })
                        .value());
  }
  std::atomic<int> sent = 0;
  std::vector<std::thread> senders;
  for (int s = 0; s < kSenders; ++s) {
    senders.emplace_back([&, s, sender = producer("t")]() mutable {
      for (int i = 0; i < kEach; ++i) {
        const std::string text = std::to_string(s) + "-" + std::to_string(i);
        EXPECT_TRUE(sender.send(body(text, i % 2 == 0 ? text : "")));
        ++sent;
      }
    });
  }
  for (const std::uint32_t partitions : {3U, 5U, 8U}) {
    ASSERT_TRUE(eventually([&, until = sent + 200] { return sent >= until || sent == kSenders * kEach; }));
    EXPECT_TRUE(admin().update_partitioned_topic("t", partitions));
  }
  for (std::thread& each : senders) each.join();
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return got.size() >= static_cast<std::size_t>(kSenders * kEach);
  }));
  for (Consumer& each : group) EXPECT_TRUE(each.close());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(got.size(), static_cast<std::size_t>(kSenders * kEach));
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), got.size());
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Partitions, LiveHandlesTakeInNewPartitions) {
  if (absent()) return;
  create(1);
  auto receiver = consumer("t");
  auto sender = producer("t");
  auto reader = bus().create_reader({.topic = "t"}).value();
  ASSERT_TRUE(admin().update_partitioned_topic("t", 4));
  EXPECT_EQ(admin().partitions("t").value(), 4U);
  std::set<std::int32_t> used;
  ASSERT_TRUE(eventually([&] {
    used.insert(sender.send(body("x")).value().partition);
    return used.size() == 4;
  })) << "the producer";
  used.clear();
  ASSERT_TRUE(eventually([&] {
    auto delivery = receiver.receive(kDeadline);
    if (!delivery || !delivery->ack()) return false;
    used.insert((*delivery)->id.partition);
    return used.size() == 4;
  })) << "the consumer";
  used.clear();
  ASSERT_TRUE(eventually([&] {
    used.insert(reader.read(kDeadline).value().id.partition);
    return used.size() == 4;
  })) << "the reader";
}

TEST_F(Partitions, WhatIsPublishedBeforeAConsumerNoticesTheGrowthIsThere) {
  if (absent()) return;
  create(1);
  ASSERT_TRUE(admin().create_subscription("t", "group", InitialPosition::latest));
  ASSERT_TRUE(admin().update_partitioned_topic("t", 3));
  producer(part(2)).send(body("early")).value();
  restart();
  auto receiver = consumer("t");
  auto delivery = next(receiver);
  EXPECT_EQ(delivery->body, "early");
  EXPECT_EQ(delivery->id.partition, 2);
}

TEST_F(Partitions, FailoverSpreadsThePartitions) {
  if (absent()) return;
  create(4);
  auto first = consumer("t", SubscriptionType::failover);
  auto second = consumer("t", SubscriptionType::failover);
  publish("t", 40);
  std::set<std::int32_t> of_first;
  std::set<std::int32_t> of_second;
  for (auto& [receiver, partitions] : std::initializer_list<std::pair<Consumer*, std::set<std::int32_t>*>>{
           {&first, &of_first}, {&second, &of_second}}) {
    for (int i = 0; i < 20; ++i) {
      auto delivery = next(*receiver);
      partitions->insert(delivery->id.partition);
      ASSERT_TRUE(delivery.ack());
    }
  }
  EXPECT_EQ(of_first.size(), 2U);
  EXPECT_EQ(of_second.size(), 2U);
  ASSERT_TRUE(first.close());
  publish("t", 8);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(next(second).ack()) << "all of them now";
}

TEST_F(Partitions, ATakeoverWithdrawsOnlyWhatItConcerns) {
  if (absent()) return;
  create(2);
  for (std::uint32_t i = 0; i < 2; ++i) producer(part(i)).send(body(std::to_string(i))).value();
  auto first = consumer("t", SubscriptionType::failover);
  std::map<std::int32_t, Delivery> held;
  for (int i = 0; i < 2; ++i) {
    auto delivery = next(first);
    const std::int32_t partition = delivery->id.partition;
    held.emplace(partition, std::move(delivery));
  }
  auto second = consumer("t", SubscriptionType::failover);
  auto again = next(second);
  const std::int32_t moved = again->id.partition;
  EXPECT_EQ(held.at(moved).ack().error().code, ErrorCode::conflict);
  EXPECT_TRUE(held.at(1 - moved).ack()) << "the other one stayed";
  EXPECT_TRUE(again.ack());
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
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

TEST_F(Partitions, AReaderMergesAll) {
  if (absent()) return;
  create(3);
  publish("t", 30);
  auto reader = bus().create_reader({.topic = "t", .start = InitialPosition::earliest}).value();
  std::map<std::int32_t, int> last;
  int count = 0;
  while (reader.has_next().value()) {
    const Message message = reader.read(kDeadline).value();
    const int number = std::stoi(message.body);
    const auto [seen, first] = last.try_emplace(message.id.partition, number);
    if (!first) {
      EXPECT_GT(number, seen->second) << "each in its order";
    }
    seen->second = number;
    ++count;
  }
  EXPECT_EQ(count, 30);
  EXPECT_EQ(last.size(), 3U);
  const auto at_one = bus().create_reader({.topic = "t", .start = publish("t", 1).front()});
  EXPECT_EQ(at_one.error().code, ErrorCode::invalid_argument);
}

TEST_F(Partitions, AResendMeetsItsFirstCopy) {
  if (absent()) return;
  create(4);
  const auto named = [&] { return bus().create_producer({.topic = "t", .name = "numbers"}).value(); };
  {
    auto sender = named();
    for (std::uint64_t id = 1; id <= 10; ++id) ASSERT_TRUE(sender.send(numbered(id)));
    EXPECT_EQ(sender.last_sequence_id(), 10U);
  }
  restart();
  auto sender = named();
  EXPECT_EQ(sender.last_sequence_id(), 10U);
  for (std::uint64_t id = 6; id <= 12; ++id) ASSERT_TRUE(sender.send(numbered(id)));
  auto receiver = consumer("t");
  std::multiset<std::string> got;
  for (int i = 0; i < 12; ++i) got.insert(next(receiver)->body);
  expect_quiet(receiver);
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), 12U);
}

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

}  // namespace
}  // namespace geminga::conformance
