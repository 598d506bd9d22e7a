#include <atomic>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

/// Where the engine has no policies, they are refused with its reason.
class PolicyConformance : public Conformance {
 protected:
  bool no_policies() {
    return refused(Feature::topic_policies, bus().admin().set_namespace_policies("public/default", {}));
  }
  Admin admin() { return bus().admin(); }
  /// Sends until one fails; its error.
  static Error send_until_refused(Producer& sender) {
    Result<MessageId> sent;
    EXPECT_TRUE(eventually([&] { return !(sent = sender.send(body("x"))); }));
    return sent ? Error{} : sent.error();
  }
  bool publish_paused() { return !admin().stats("t").value().publish_paused.empty(); }
};

TEST_F(PolicyConformance, AreShownAsSetAndSurviveARestart) {
  publish("t", 1);
  if (no_policies()) return;
  const Policies own{.message_ttl = 24h,
                     .backlog_action = BacklogAction::producer_exception,
                     .delay_on_ordered = DelayOnOrdered::hold};
  const Policies of_namespace{.max_consumers = 50};
  ASSERT_TRUE(admin().set_policies("t", own));
  ASSERT_TRUE(admin().set_namespace_policies("public/default", of_namespace));
  restart();
  EXPECT_EQ(admin().policies("t").value(), own);
  EXPECT_EQ(admin().namespace_policies("public/default").value(), of_namespace);
  EXPECT_EQ(admin().policies("nowhere").error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(admin().namespace_policies("no/where").error().code, ErrorCode::not_found);
  EXPECT_EQ(admin().set_namespace_policies("no/where", {}).error().code, ErrorCode::not_found);
}

TEST_F(PolicyConformance, OldMessagesExpire) {
  publish("t", 3);
  if (no_policies()) return;
  ASSERT_TRUE(admin().create_subscription("t", "group", InitialPosition::earliest));
  ASSERT_TRUE(admin().set_policies("t", {.message_ttl = 1s}));
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").backlog == 0; }));
  restart();
  auto receiver = consumer("t");
  expect_quiet(receiver);
}

TEST_F(PolicyConformance, AnOverfullBacklogRefusesSends) {
  publish("t", 50);
  if (no_policies()) return;
  ASSERT_TRUE(admin().create_subscription("t", "group", InitialPosition::earliest));
  ASSERT_TRUE(
      admin().set_policies("t", {.backlog_bytes = 100, .backlog_action = BacklogAction::producer_exception}));
  auto sender = bus().create_producer({.topic = "t"});
  EXPECT_EQ(sender ? send_until_refused(*sender).code : sender.error().code,
            ErrorCode::backlog_quota_exceeded);
}

TEST_F(PolicyConformance, AnOverfullBacklogHoldsSendsUntilItIsSmaller) {
  publish("t", 50);
  if (no_policies()) return;
  ASSERT_TRUE(admin().create_subscription("t", "group", InitialPosition::earliest));
  ASSERT_TRUE(admin().set_policies("t", {.backlog_bytes = 100}));
  EXPECT_TRUE(eventually([&] { return publish_paused(); }));
  auto sender = producer("t");
  std::atomic<bool> answered = false;
  sender.send_async(body("held"), [&](const Result<MessageId>& id) {
    EXPECT_TRUE(id);
    answered = true;
  });
  auto receiver = consumer("t");
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(answered.load() && i < 20) << "more than a hundred bytes were left";
    EXPECT_TRUE(next(receiver).ack());
  }
  auto held = next(receiver);
  EXPECT_EQ(held->body, "held");
  EXPECT_TRUE(held.ack()) << "alone it is more than the quota";
  EXPECT_TRUE(eventually([&] { return answered.load(); }));
  EXPECT_TRUE(eventually([&] { return !publish_paused(); }));
}

TEST_F(PolicyConformance, AnOverfullBacklogLosesItsOldest) {
  const auto ids = publish("t", 50);
  if (no_policies()) return;
  ASSERT_TRUE(admin().create_subscription("t", "group", InitialPosition::earliest));
  ASSERT_TRUE(admin().set_policies(
      "t", {.backlog_bytes = 1'000, .backlog_action = BacklogAction::consumer_backlog_eviction}));
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").backlog < 50; }));
  auto receiver = consumer("t");
  EXPECT_GT(next(receiver)->id, ids.front());
}

TEST_F(PolicyConformance, ATopicGoesBeforeItsNamespaceAndThatBeforeNoLimit) {
  ASSERT_TRUE(admin().create_topic("t"));
  if (no_policies()) return;
  const auto refused_beyond = [&](const std::string& topic, int limit) {
    std::vector<Producer> connected;
    connected.reserve(static_cast<std::size_t>(limit));
    for (int i = 0; i < limit; ++i) connected.push_back(producer(topic));
    const auto more = bus().create_producer({.topic = topic});
    return !more && more.error().code == ErrorCode::producer_busy;
  };
  EXPECT_FALSE(refused_beyond("t", 2)) << "no limit";
  ASSERT_TRUE(admin().set_namespace_policies("public/default", {.max_producers = 1}));
  EXPECT_TRUE(eventually([&] { return refused_beyond("t", 1); }));
  EXPECT_TRUE(refused_beyond("new", 1)) << "also of a topic that is made later";
  ASSERT_TRUE(admin().set_policies("t", {.max_producers = 2}));
  EXPECT_TRUE(refused_beyond("t", 2));
  ASSERT_TRUE(admin().set_policies("t", {.max_producers = 0}));
  EXPECT_FALSE(refused_beyond("t", 2)) << "0 takes the namespace's limit back";
  restart();
  EXPECT_FALSE(refused_beyond("t", 2));
  EXPECT_TRUE(refused_beyond("new", 1));
  ASSERT_TRUE(admin().set_namespace_policies("public/default", {}));
  EXPECT_TRUE(eventually([&] { return !refused_beyond("new", 1); }));
}

TEST_F(PolicyConformance, ConsumersAndSubscriptionsOverTheirNumberAreRefused) {
  ASSERT_TRUE(admin().create_topic("t"));
  if (no_policies()) return;
  ASSERT_TRUE(admin().set_policies("t", {.max_consumers = 1, .max_subscriptions = 1}));
  const auto first = consumer("t", SubscriptionType::shared);
  EXPECT_EQ(bus().subscribe(options("t", SubscriptionType::shared)).error().code, ErrorCode::consumer_busy);
  EXPECT_EQ(admin().create_subscription("t", "other", InitialPosition::latest).error().code,
            ErrorCode::conflict);
}

TEST_F(PolicyConformance, ATopicThatNobodyUsesIsDeleted) {
  publish("t", 1);
  publish("used", 1);
  if (no_policies()) return;
  ASSERT_TRUE(admin().create_subscription("used", "group", InitialPosition::latest));
  ASSERT_TRUE(admin().set_namespace_policies("public/default", {.inactive_after = 1s}));
  EXPECT_TRUE(eventually([&] {
    return admin().topics("public/default").value() ==
           std::vector<std::string>{"persistent://public/default/used"};
  }));
}

TEST_F(PolicyConformance, RatesHoldBackAndLoseNothing) {
  ASSERT_TRUE(admin().create_topic("t"));
  if (no_policies()) return;
  ASSERT_TRUE(
      admin().set_policies("t", {.publish_messages_per_second = 20, .dispatch_messages_per_second = 20}));
  const auto began = std::chrono::steady_clock::now();
  const auto ids = publish("t", 50);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1400ms) << "20 at once, 30 more at 20 a second";
  const auto consumption_began = std::chrono::steady_clock::now();
  auto receiver = consumer("t");
  for (const MessageId& id : ids) {
    auto delivery = next(receiver);
    EXPECT_EQ(delivery->id, id);
    EXPECT_TRUE(delivery.ack());
  }
  EXPECT_GE(std::chrono::steady_clock::now() - consumption_began, 1400ms);
}

TEST_F(PolicyConformance, NumbersOutOfRangeAreRefused) {
  ASSERT_TRUE(admin().create_topic("t"));
  if (no_policies()) return;
  EXPECT_EQ(admin().set_policies("t", {.message_ttl = -1s}).error().code, ErrorCode::invalid_argument);
  for (const auto wrong : {-1ms, 60'001ms})
    EXPECT_EQ(admin().set_policies("t", {.durability = Durability{wrong}}).error().code,
              ErrorCode::invalid_argument);
}

TEST_F(PolicyConformance, WhatIsAnsweredEarlyComesInOrderAndACleanRestartKeepsIt) {
  ASSERT_TRUE(admin().create_topic("t"));
  if (no_policies()) return;
  const Durability early{20ms};
  ASSERT_TRUE(admin().set_policies("t", {.durability = early}));
  EXPECT_EQ(admin().stats("t")->durability, early);
  ASSERT_TRUE(admin().create_subscription("t", "group", InitialPosition::earliest));
  auto ids = publish("t", 50);
  {
    auto receiver = consumer("t");
    for (int i = 0; i < 20; ++i) {
      auto delivery = next(receiver);
      EXPECT_EQ(delivery->id, ids[static_cast<std::size_t>(i)]);
      EXPECT_TRUE(delivery.ack());
    }
  }
  const auto more = publish("t", 50);
  ids.insert(ids.end(), more.begin(), more.end());
  restart();
  EXPECT_EQ(admin().stats("t")->durability, early);
  auto receiver = consumer("t");
  for (std::size_t i = 20; i < ids.size(); ++i) {
    auto delivery = next(receiver);
    EXPECT_EQ(delivery->id, ids[i]);
    EXPECT_TRUE(delivery.ack());
  }
}

}  // namespace
}  // namespace geminga::conformance
