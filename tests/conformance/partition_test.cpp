#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "conformance/partitions.hpp"

namespace geminga::conformance {
namespace {

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

}  // namespace
}  // namespace geminga::conformance
