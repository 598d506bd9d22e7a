#include <map>
#include <set>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

TEST_F(Conformance, LatestSeesOnlyWhatComesLater) {
  publish("t", 3);
  auto late = options("t");
  late.initial_position = InitialPosition::latest;
  auto receiver = bus().subscribe(late).value();
  producer("t").send(body("new")).value();
  EXPECT_EQ(next(receiver)->body, "new");
}

TEST_F(Conformance, ReplayFromTheEarliest) {
  publish("t", 20);
  auto first = consumer("t", SubscriptionType::exclusive, "one");
  auto second = consumer("t", SubscriptionType::exclusive, "two");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(next(first)->body, std::to_string(i));
    EXPECT_EQ(next(second)->body, std::to_string(i));
  }
}

TEST_F(Conformance, ExclusiveRefusesASecondConsumer) {
  auto first = consumer("t");
  const auto second = bus().subscribe(options("t"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::consumer_busy);
  ASSERT_TRUE(first.close());
  EXPECT_TRUE(bus().subscribe(options("t")));
}

TEST_F(Conformance, AnotherTypeOnAUsedSubscriptionIsRefused) {
  auto first = consumer("t", SubscriptionType::shared);
  const auto second = bus().subscribe(options("t", SubscriptionType::key_shared));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::subscription_type_mismatch);
}

TEST_F(Conformance, ASharedGroupGetsEachMessageOnce) {
  constexpr int kCount = 200;
  auto one = options("t", SubscriptionType::shared);
  one.receiver_queue_size = 5;
  auto first = bus().subscribe(one).value();
  auto second = bus().subscribe(one).value();
  publish("t", kCount);
  std::multiset<std::string> seen;
  std::map<int, int> share;
  for (int empty = 0; empty < 2 && seen.size() < kCount;) {
    empty = 0;
    for (auto* receiver : {&first, &second}) {
      auto delivery = receiver->receive(1s);
      if (!delivery) {
        ++empty;
        continue;
      }
      seen.insert((*delivery)->body);
      share[receiver == &first ? 1 : 2] += 1;
      ASSERT_TRUE(delivery->ack());
    }
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kCount));
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), static_cast<std::size_t>(kCount));
  EXPECT_GT(share[1], 0);
  EXPECT_GT(share[2], 0);
}

TEST_F(Conformance, KeySharedKeepsEveryKeyInOrderThroughAJoin) {
  constexpr int kKeys = 20;
  constexpr int kPerKey = 20;
  auto few = options("t", SubscriptionType::key_shared);
  few.receiver_queue_size = 10;
  std::vector<Consumer> consumers;
  consumers.push_back(bus().subscribe(few).value());
  auto sender = producer("t");
  for (int i = 0; i < kPerKey; ++i)
    for (int key = 0; key < kKeys; ++key)
      sender.send_async(body(std::to_string(i), "key-" + std::to_string(key)),
                        [](const Result<MessageId>& id) { EXPECT_TRUE(id); });
  ASSERT_TRUE(sender.flush());
  std::map<std::string, int> seen;
  int total = 0;
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (total < kKeys * kPerKey && std::chrono::steady_clock::now() < deadline) {
    if (total == 50) consumers.push_back(bus().subscribe(few).value());
    for (Consumer& receiver : consumers) {
      auto delivery = receiver.receive(5ms);
      if (!delivery) continue;
      const int expected = seen[(*delivery)->key]++;
      ASSERT_EQ((*delivery)->body, std::to_string(expected)) << (*delivery)->key;
      ASSERT_TRUE(delivery->ack());
      ++total;
      if (total == 50) break;
    }
  }
  EXPECT_EQ(total, kKeys * kPerKey);
}

TEST_F(Conformance, KeySharedHoldsAKeyWhileItIsOutElsewhere) {
  auto first = consumer("t", SubscriptionType::key_shared);
  auto sender = producer("t");
  for (int key = 0; key < 30; ++key) sender.send(body("1", std::to_string(key))).value();
  std::map<std::string, Delivery> held;
  for (int i = 0; i < 30; ++i) {
    auto delivery = next(first);
    held.emplace(delivery->key, delivery);
  }
  auto second = consumer("t", SubscriptionType::key_shared);
  for (int key = 0; key < 30; ++key) sender.send(body("2", std::to_string(key))).value();
  // Some keys belong to the newcomer now; their second message waits until the first one is settled.
  expect_quiet(second);
  for (auto& [key, delivery] : held) ASSERT_TRUE(delivery.ack());
  auto delivery = next(second);
  EXPECT_EQ(delivery->body, "2");
}

TEST_F(Conformance, KeySharedRangesGetExactlyTheirKeys) {
  const auto with_range = [](std::uint32_t first, std::uint32_t last) {
    auto with = options("t", SubscriptionType::key_shared);
    with.hash_ranges = {{.first = first, .last = last}};
    return with;
  };
  auto low = bus().subscribe(with_range(0, 32'767));
  if (refused(Feature::key_shared_ranges, low)) return;
  ASSERT_TRUE(low) << low.error().message;
  const auto overlapping = bus().subscribe(with_range(30'000, 40'000));
  ASSERT_FALSE(overlapping);
  EXPECT_EQ(overlapping.error().code, ErrorCode::consumer_busy);
  const auto splitting = bus().subscribe(options("t", SubscriptionType::key_shared));
  ASSERT_FALSE(splitting);
  EXPECT_EQ(splitting.error().code, ErrorCode::subscription_type_mismatch);
  EXPECT_EQ(bus().subscribe(with_range(9, 8)).error().code, ErrorCode::invalid_argument);

  constexpr int kKeys = 60;
  auto sender = producer("t");
  for (int key = 0; key < kKeys; ++key) sender.send(body("x", std::to_string(key))).value();
  std::set<std::string> keys;
  while (auto delivery = low->receive(kQuiet)) {
    EXPECT_TRUE(keys.insert((*delivery)->key).second);
    ASSERT_TRUE(delivery->ack());
  }
  EXPECT_GT(keys.size(), 10U);
  EXPECT_LT(keys.size(), 50U) << "the others wait for somebody who asks for them";
  auto high = bus().subscribe(with_range(32'768, 65'535)).value();
  while (keys.size() < kKeys) {
    auto delivery = next(high);
    ASSERT_TRUE(keys.insert(delivery->key).second) << "a key that was the other one's";
    ASSERT_TRUE(delivery.ack());
  }
}

TEST_F(Conformance, WhatWasUnsettledComesToTheNextConsumer) {
  publish("t", 3);
  {
    auto first = consumer("t");
    auto one = next(first);
    ASSERT_TRUE(one.ack());
    EXPECT_EQ(next(first)->body, "1");
  }
  auto second = consumer("t");
  auto again = next(second);
  EXPECT_EQ(again->body, "1");
  EXPECT_EQ(again->redelivery_count, 1U) << "the application had it";
  auto fresh = next(second);
  EXPECT_EQ(fresh->body, "2");
  EXPECT_EQ(fresh->redelivery_count, 0U) << "it only lay in the receiver queue";
}

TEST_F(Conformance, UnsubscribeForgetsThePosition) {
  publish("t", 2);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = 1h, .bytes = std::nullopt}));
  auto receiver = consumer("t");
  ASSERT_TRUE(next(receiver).ack());
  ASSERT_TRUE(receiver.unsubscribe());
  auto again = consumer("t", SubscriptionType::exclusive, "other");
  EXPECT_EQ(next(again)->body, "0");
  EXPECT_EQ(bus().admin().stats("t").value().subscriptions.size(), 1U);
}

TEST_F(Conformance, UnsubscribeIsRefusedWhileOthersAreThere) {
  auto first = consumer("t", SubscriptionType::shared);
  auto second = consumer("t", SubscriptionType::shared);
  EXPECT_EQ(first.unsubscribe().error().code, ErrorCode::conflict);
}

TEST_F(Conformance, ASlowConsumerIsNotFlooded) {
  publish("t", 300);
  auto few = options("t");
  few.receiver_queue_size = 10;
  auto receiver = bus().subscribe(few).value();
  auto first = next(receiver);
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").unacked >= 10; }));
  EXPECT_LE(subscription_stats("t").unacked, 12U);
  EXPECT_EQ(subscription_stats("t").backlog, 300U);
  ASSERT_TRUE(first.ack());
  for (int i = 1; i < 300; ++i) {
    auto delivery = next(receiver);
    ASSERT_EQ(delivery->body, std::to_string(i));
    ASSERT_TRUE(delivery.ack());
  }
}

}  // namespace
}  // namespace geminga::conformance
