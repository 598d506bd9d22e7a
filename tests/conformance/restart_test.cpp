#include <set>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

TEST_F(Conformance, ARestartInTheMiddleLosesAndRepeatsNothingSettled) {
  const auto ids = publish("t", 30);
  std::set<std::string> left;
  for (int i = 0; i < 30; ++i) left.insert(std::to_string(i));
  {
    auto receiver = consumer("t");
    for (int i = 0; i < 20; ++i) {
      auto delivery = next(receiver);
      if (i % 3 == 0) continue;
      ASSERT_TRUE(delivery.ack());
      left.erase(delivery->body);
    }
  }
  restart();
  EXPECT_EQ(subscription_stats("t").backlog, left.size());
  auto receiver = consumer("t");
  const auto expected = left.size();
  for (std::size_t i = 0; i < expected; ++i) {
    auto delivery = next(receiver);
    EXPECT_EQ(left.erase(delivery->body), 1U) << delivery->body;
    EXPECT_EQ(delivery->id, ids[std::stoul(delivery->body)]) << "ids stay";
    ASSERT_TRUE(delivery.ack());
  }
  expect_quiet(receiver);
}

TEST_F(Conformance, IdsRiseOverARestart) {
  const auto before = publish("t", 3);
  restart();
  const auto after = publish("t", 3);
  EXPECT_LT(before.back(), after.front());
}

/// However the subscription was made.
TEST_F(Conformance, DelayedSurvivesARestartAndIsNotEarlyOnEveryType) {
  constexpr SubscriptionType kTypes[] = {SubscriptionType::exclusive, SubscriptionType::shared,
                                         SubscriptionType::failover};
  const auto topic_of = [](SubscriptionType type) { return "t" + std::to_string(static_cast<int>(type)); };
  const auto due = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 800ms;
  for (const auto type : kTypes) {
    if (type == SubscriptionType::failover) {
      ASSERT_TRUE(bus().admin().create_topic(topic_of(type)));
      ASSERT_TRUE(bus().admin().create_subscription(topic_of(type), "group", InitialPosition::earliest));
    }
    auto receiver = consumer(topic_of(type), type);
    OutgoingMessage later = body("later");
    later.deliver_at = due;
    auto sender = producer(topic_of(type));
    sender.send(later).value();
    sender.send(body("now")).value();
  }
  restart();
  for (const auto type : kTypes) {
    auto receiver = consumer(topic_of(type), type);
    std::set<std::string> bodies;
    for (int i = 0; i < 2; ++i) {
      const auto delivery = next(receiver);
      if (delivery->body == "later") {
        EXPECT_GE(std::chrono::system_clock::now(), due);
      }
      bodies.insert(std::string(delivery->body));
    }
    EXPECT_EQ(bodies, (std::set<std::string>{"later", "now"}));
  }
}

TEST_F(Conformance, ForwardIsWholeOverARestart) {
  publish("in", 10);
  {
    auto receiver = consumer("in");
    for (int i = 0; i < 6; ++i) {
      auto delivery = next(receiver);
      ASSERT_TRUE(bus().forward(delivery, {{"a", body(delivery->body)}, {"b", body(delivery->body)}}));
    }
  }
  restart();
  EXPECT_EQ(subscription_stats("in").backlog, 4U);
  EXPECT_EQ(bus().admin().stats("a").value().stored_messages, 6U);
  EXPECT_EQ(bus().admin().stats("b").value().stored_messages, 6U);
}

TEST_F(Conformance, SkippedAndRemovedStaySoOverARestart) {
  publish("t", 5);
  ASSERT_TRUE(bus().admin().create_subscription("t", "skipped", InitialPosition::earliest));
  ASSERT_TRUE(bus().admin().create_subscription("t", "removed", InitialPosition::earliest));
  ASSERT_TRUE(bus().admin().skip_all("t", "skipped"));
  ASSERT_TRUE(bus().admin().delete_subscription("t", "removed"));
  restart();
  EXPECT_EQ(subscription_stats("t", "skipped").backlog, 0U);
  EXPECT_EQ(bus().admin().stats("t").value().subscriptions.size(), 1U);
}

TEST_F(Conformance, RetentionSurvivesARestart) {
  publish("t", 4);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = 1h, .bytes = std::nullopt}));
  {
    auto receiver = consumer("t");
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(next(receiver).ack());
  }
  restart();
  publish("other", 1);
  auto other = consumer("other");
  ASSERT_TRUE(next(other).ack());
  ASSERT_TRUE(eventually([&] { return bus().admin().stats("other").value().stored_messages == 0; }));
  EXPECT_EQ(bus().admin().stats("t").value().stored_messages, 4U);
}

}  // namespace
}  // namespace geminga::conformance
