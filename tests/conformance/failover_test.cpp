#include <set>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

class Failover : public Conformance {
 protected:
  static ConsumerOptions with_priority(std::uint32_t priority) {
    ConsumerOptions with = options("t", SubscriptionType::failover);
    with.priority = priority;
    return with;
  }
  /// True: proven to be refused, nothing else to see.
  bool absent(std::uint32_t priority = 0) {
    auto probe = with_priority(priority);
    probe.topic = "probe";
    const auto tried = bus().subscribe(probe);
    return refused(Feature::failover_subscription, tried) ||
           (priority != 0 && refused(Feature::consumer_priority, tried));
  }
};

TEST_F(Failover, OneConsumerGetsEverythingInOrderAndTheOthersWait) {
  if (absent()) return;
  auto first = consumer("t", SubscriptionType::failover);
  auto second = consumer("t", SubscriptionType::failover);
  publish("t", 50);
  for (int i = 0; i < 50; ++i) {
    auto delivery = next(first);
    ASSERT_EQ(delivery->body, std::to_string(i));
    ASSERT_TRUE(delivery.ack());
  }
  expect_quiet(second);
}

TEST_F(Failover, TheNextOneGoesOnWithTheFirstThatWasNotSettled) {
  if (absent()) return;
  publish("t", 10);
  auto first = consumer("t", SubscriptionType::failover);
  auto second = consumer("t", SubscriptionType::failover);
  for (int i = 0; i < 5; ++i) {
    auto delivery = next(first);
    if (i != 2) {
      ASSERT_TRUE(delivery.ack());
    }
  }
  ASSERT_TRUE(first.close());
  for (const char* expected : {"2", "5", "6", "7", "8", "9"}) {
    auto delivery = next(second);
    EXPECT_EQ(delivery->body, expected);
    EXPECT_EQ(delivery->redelivery_count, delivery->body == "2" ? 1U : 0U);
    ASSERT_TRUE(delivery.ack());
  }
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Failover, OrderIsKeptOverManyTakeovers) {
  if (absent()) return;
  constexpr int kCount = 300;
  publish("t", kCount);
  std::vector<Consumer> consumers;
  for (int i = 0; i < 3; ++i) consumers.push_back(consumer("t", SubscriptionType::failover));
  int expected = 0;
  while (expected < kCount) {
    for (int i = 0; i < 20; ++i, ++expected) {
      auto delivery = next(consumers.front());
      ASSERT_EQ(delivery->body, std::to_string(expected));
      ASSERT_TRUE(delivery.ack());
    }
    ASSERT_TRUE(consumers.front().close());
    consumers.erase(consumers.begin());
    consumers.push_back(consumer("t", SubscriptionType::failover));
  }
  expect_quiet(consumers.front());
}

TEST_F(Failover, ALowerPriorityNumberTakesOverAndTheOldOnesMessagesAreVoid) {
  if (absent(1)) return;
  publish("t", 4);
  auto first = bus().subscribe(with_priority(1)).value();
  auto held = next(first);
  EXPECT_EQ(held->body, "0");
  auto second = bus().subscribe(with_priority(0)).value();
  for (int i = 0; i < 4; ++i) {
    auto delivery = next(second);
    EXPECT_EQ(delivery->body, std::to_string(i));
    ASSERT_TRUE(delivery.ack());
  }
  EXPECT_EQ(held.ack().error().code, ErrorCode::conflict);
  expect_quiet(first);
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Failover, TakeoversDoNotDeadLetterWhatNoHandlerHasSeen) {
  if (absent(1)) return;
  publish("t", 3);
  std::vector<Consumer> consumers;
  for (std::uint32_t priority = 4; priority > 0; --priority) {
    auto with = with_priority(priority);
    with.name = "worker" + std::to_string(priority);
    with.dead_letter = DeadLetterPolicy{.max_redeliveries = 1, .topic = "dead"};
    consumers.push_back(bus().subscribe(with).value());
    EXPECT_TRUE(eventually([&] {
      for (const ConsumerStats& each : subscription_stats("t").connected)
        if (each.name == with.name && each.messages_out == 3) return true;
      return false;
    })) << "in the receiver queue of the new one";
  }
  for (int i = 0; i < 3; ++i) {
    auto delivery = next(consumers.back());
    EXPECT_EQ(delivery->body, std::to_string(i));
    EXPECT_EQ(delivery->redelivery_count, 0U);
    ASSERT_TRUE(delivery.ack());
  }
}

TEST_F(Failover, StatisticsSayWhoIsActive) {
  if (absent(2)) return;
  auto low = with_priority(2);
  low.name = "standby";
  auto high = with_priority(1);
  high.name = "worker";
  auto first = bus().subscribe(low).value();
  auto second = bus().subscribe(high).value();
  const SubscriptionStats stats = subscription_stats("t");
  ASSERT_EQ(stats.connected.size(), 2U);
  for (const ConsumerStats& each : stats.connected)
    EXPECT_EQ(each.active, each.name == "worker") << each.name;
}

TEST_F(Conformance, OnSharedALowerPriorityNumberIsServedFirst) {
  auto first_options = options("t", SubscriptionType::shared);
  first_options.receiver_queue_size = 5;
  auto later_options = options("t", SubscriptionType::shared);
  later_options.priority = 1;
  auto later = bus().subscribe(later_options);
  if (refused(Feature::consumer_priority, later)) return;
  auto first = bus().subscribe(first_options).value();
  publish("t", 5);
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").unacked == 5; }));
  expect_quiet(*later);
  publish("t", 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next(*later)->body, std::to_string(i)) << "the first one is full";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(next(first)->body, std::to_string(i));
}

}  // namespace
}  // namespace geminga::conformance
