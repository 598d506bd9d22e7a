#include <future>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

TEST_F(Conformance, ANackComesAgainWithACountAndOthersPass) {
  publish("t", 2);
  auto receiver = consumer("t");
  next(receiver).nack(200ms);
  auto other = next(receiver);
  EXPECT_EQ(other->body, "1");
  auto again = next(receiver);
  EXPECT_EQ(again->body, "0");
  EXPECT_EQ(again->redelivery_count, 1U);
  again.nack(0ms);
  auto third = next(receiver);
  EXPECT_EQ(third->redelivery_count, 2U);
  EXPECT_TRUE(third.ack());
  expect_quiet(receiver);
}

TEST_F(Conformance, ANackIsNotEarly) {
  publish("t", 1);
  auto receiver = consumer("t");
  auto first = next(receiver);
  const auto start = std::chrono::steady_clock::now();
  first.nack(400ms);
  auto again = next(receiver);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 400ms);
}

TEST_F(Conformance, SettlingTwiceIsAConflict) {
  publish("t", 1);
  auto receiver = consumer("t");
  auto delivery = next(receiver);
  auto copy = delivery;
  EXPECT_FALSE(delivery.settled());
  EXPECT_TRUE(delivery.ack());
  EXPECT_TRUE(copy.settled());
  EXPECT_EQ(copy.ack().error().code, ErrorCode::conflict);
  copy.nack();
  expect_quiet(receiver);
}

TEST_F(Conformance, AsyncAckCallsBackWhenItIsDurable) {
  publish("t", 1);
  auto receiver = consumer("t");
  std::promise<Result<>> done;
  next(receiver).ack_async([&](Result<> result) { done.set_value(std::move(result)); });
  auto result = done.get_future();
  ASSERT_EQ(result.wait_for(kDeadline), std::future_status::ready);
  EXPECT_TRUE(result.get());
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Conformance, AnAckAfterCloseSaysClosed) {
  publish("t", 1);
  auto receiver = consumer("t");
  auto delivery = next(receiver);
  ASSERT_TRUE(receiver.close());
  EXPECT_FALSE(delivery.ack());
  auto again = consumer("t");
  EXPECT_EQ(next(again)->body, "0");
}

TEST_F(Conformance, TheAckTimeoutBringsItAgainAndSettlesTheOldOne) {
  publish("t", 1);
  auto with = options("t");
  with.ack_timeout = 200ms;
  auto receiver = bus().subscribe(with).value();
  auto held = next(receiver);
  auto again = next(receiver);
  EXPECT_EQ(again->redelivery_count, 1U);
  EXPECT_EQ(held.ack().error().code, ErrorCode::conflict);
  EXPECT_TRUE(again.ack());
  expect_quiet(receiver, 500ms);
}

TEST_F(Conformance, ADroppedDeliveryComesAgainAfterTheAckTimeout) {
  publish("t", 1);
  auto with = options("t");
  with.ack_timeout = 100ms;
  auto receiver = bus().subscribe(with).value();
  static_cast<void>(next(receiver));
  EXPECT_EQ(next(receiver)->redelivery_count, 1U);
}

TEST_F(Conformance, DelayedIsNeverEarlyOnEveryType) {
  for (const auto type : {SubscriptionType::exclusive, SubscriptionType::shared, SubscriptionType::key_shared,
                          SubscriptionType::failover}) {
    if (type == SubscriptionType::failover &&
        refused(Feature::failover_subscription, bus().subscribe(options("refused", type))))
      continue;
    const std::string topic = "t" + std::to_string(static_cast<int>(type));
    auto receiver = consumer(topic, type);
    auto sender = producer(topic);
    OutgoingMessage later = body("later", "k");
    later.deliver_after = 500ms;
    const auto due = std::chrono::system_clock::now() + 499ms;
    sender.send(later).value();
    sender.send(body("now", "k")).value();
    EXPECT_EQ(next(receiver)->body, "now") << "it overtakes";
    auto delivery = next(receiver);
    EXPECT_EQ(delivery->body, "later");
    EXPECT_EQ(delivery->redelivery_count, 0U);
    EXPECT_GE(std::chrono::system_clock::now(), due);
    EXPECT_LE(std::chrono::system_clock::now(), due + 2s);
  }
}

TEST_F(Conformance, DelayedCountsInTheStatistics) {
  auto receiver = consumer("t");
  OutgoingMessage later = body("later");
  later.deliver_at = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 1h;
  producer("t").send(later).value();
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").delayed == 1; }));
  EXPECT_EQ(subscription_stats("t").backlog, 1U);
}

TEST_F(Conformance, ForwardPublishesAndAcknowledges) {
  publish("in", 1);
  auto receiver = consumer("in");
  auto delivery = next(receiver);
  const auto ids = bus().forward(delivery, {{"out-1", body("a")}, {"out-2", body("b")}}).value();
  EXPECT_EQ(ids.size(), 2U);
  EXPECT_TRUE(delivery.settled());
  EXPECT_EQ(subscription_stats("in").backlog, 0U);
  auto first = consumer("out-1");
  auto second = consumer("out-2");
  EXPECT_EQ(next(first)->body, "a");
  EXPECT_EQ(next(second)->body, "b");
}

TEST_F(Conformance, ForwardOfASettledDeliveryPublishesNothing) {
  publish("in", 1);
  auto receiver = consumer("in");
  auto delivery = next(receiver);
  ASSERT_TRUE(delivery.ack());
  EXPECT_EQ(bus().forward(delivery, {{"out", body("x")}}).error().code, ErrorCode::conflict);
  auto out = consumer("out");
  expect_quiet(out);
}

TEST_F(Conformance, ARefusedForwardLeavesTheDeliveryUnsettled) {
  publish("in", 1);
  auto receiver = consumer("in");
  auto delivery = next(receiver);
  EXPECT_EQ(bus().forward(delivery, {{"out", body("x")}, {"", body("y")}}).error().code,
            ErrorCode::invalid_argument);
  EXPECT_FALSE(delivery.settled());
  auto out = consumer("out");
  expect_quiet(out);
  EXPECT_TRUE(delivery.ack());
}

}  // namespace
}  // namespace geminga::conformance
