#include <algorithm>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

TEST_F(Conformance, TenantsNamespacesAndTopics) {
  auto admin = bus().admin();
  ASSERT_TRUE(admin.create_tenant("acme"));
  EXPECT_EQ(admin.create_tenant("acme").error().code, ErrorCode::already_exists);
  ASSERT_TRUE(admin.create_namespace("acme/orders"));
  ASSERT_TRUE(admin.create_topic("acme/orders/new"));
  EXPECT_EQ(admin.create_topic("acme/orders/new").error().code, ErrorCode::already_exists);
  const auto tenants = admin.tenants().value();
  EXPECT_NE(std::ranges::find(tenants, "acme"), tenants.end());
  EXPECT_EQ(admin.namespaces("acme").value(), std::vector<std::string>{"acme/orders"});
  EXPECT_EQ(admin.topics("acme/orders").value(), std::vector<std::string>{"persistent://acme/orders/new"});
}

TEST_F(Conformance, StatisticsTellTheTruth) {
  publish("t", 10);
  auto receiver = consumer("t");
  for (int i = 0; i < 4; ++i) {
    auto delivery = next(receiver);
    if (i % 2 == 0) {
      ASSERT_TRUE(delivery.ack());
    }
  }
  const TopicStats stats = bus().admin().stats("t").value();
  EXPECT_EQ(stats.topic, "persistent://public/default/t");
  EXPECT_EQ(stats.messages_in, 10U);
  ASSERT_EQ(stats.subscriptions.size(), 1U);
  EXPECT_EQ(stats.subscriptions[0].backlog, 8U);
  EXPECT_EQ(stats.subscriptions[0].unacked, 8U) << "out with the consumer, in its queue or in hand";
  EXPECT_EQ(stats.subscriptions[0].consumers, 1U);
  EXPECT_TRUE(stats.subscriptions[0].dispatch_paused.empty());
}

TEST_F(Conformance, SkipAllMovesPastWhatIsThere) {
  publish("t", 10);
  auto admin = bus().admin();
  ASSERT_TRUE(admin.create_subscription("t", "group", InitialPosition::earliest));
  EXPECT_EQ(subscription_stats("t").backlog, 10U);
  ASSERT_TRUE(admin.skip_all("t", "group"));
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
  producer("t").send(body("new")).value();
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "new");
}

TEST_F(Conformance, ASubscriptionMadeByAdminKeepsItsPlace) {
  auto admin = bus().admin();
  ASSERT_TRUE(admin.create_subscription("t", "group", InitialPosition::latest));
  EXPECT_EQ(admin.create_subscription("t", "group", InitialPosition::latest).error().code,
            ErrorCode::already_exists);
  publish("t", 1);
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "0");
  EXPECT_EQ(admin.delete_subscription("t", "group").error().code, ErrorCode::conflict);
  ASSERT_TRUE(receiver.close());
  EXPECT_TRUE(admin.delete_subscription("t", "group"));
  EXPECT_EQ(admin.delete_subscription("t", "group").error().code, ErrorCode::subscription_not_found);
}

TEST_F(Conformance, BrowseLooksWithoutConsuming) {
  const auto ids = publish("t", 5);
  auto admin = bus().admin();
  ASSERT_TRUE(admin.create_subscription("t", "group", InitialPosition::earliest));
  const auto first = admin.browse("t", std::nullopt, 2).value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].body, "0");
  EXPECT_EQ(first[1].id, ids[1]);
  const auto rest = admin.browse("t", first[1].id, 100).value();
  ASSERT_EQ(rest.size(), 3U);
  EXPECT_EQ(rest[2].body, "4");
  EXPECT_EQ(subscription_stats("t").backlog, 5U);
}

TEST_F(Conformance, ADeletedTopicIsGoneAndItsNameIsFree) {
  publish("t", 3);
  auto admin = bus().admin();
  auto receiver = consumer("t");
  EXPECT_EQ(admin.delete_topic("t").error().code, ErrorCode::conflict);
  ASSERT_TRUE(admin.delete_topic("t", true));
  EXPECT_EQ(admin.stats("t").error().code, ErrorCode::topic_not_found);
  publish("t", 1);
  auto fresh = consumer("t");
  EXPECT_EQ(next(fresh)->body, "0");
  expect_quiet(fresh);
  restart();
  EXPECT_EQ(bus().admin().stats("t").value().stored_messages, 1U);
}

TEST_F(Conformance, WhatAllHaveAcknowledgedIsForgotten) {
  publish("t", 10);
  auto receiver = consumer("t");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(next(receiver).ack());
  EXPECT_TRUE(eventually([&] { return bus().admin().stats("t").value().stored_messages == 0; }));
}

TEST_F(Conformance, RetentionKeepsWhatIsAcknowledged) {
  publish("t", 10);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = 1h, .bytes = std::nullopt}));
  auto receiver = consumer("t");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(next(receiver).ack());
  publish("other", 1);
  auto other = consumer("other");
  ASSERT_TRUE(next(other).ack());
  // Once the other topic was trimmed, this one has had its turn too.
  ASSERT_TRUE(eventually([&] { return bus().admin().stats("other").value().stored_messages == 0; }));
  EXPECT_EQ(bus().admin().stats("t").value().stored_messages, 10U);
  auto reader = bus().create_reader({.topic = "t", .start = InitialPosition::earliest}).value();
  EXPECT_EQ(reader.read(kDeadline).value().body, "0");
}

TEST_F(Conformance, RetentionWithOneLimitOfZeroIsRefused) {
  ASSERT_TRUE(bus().admin().create_topic("t"));
  EXPECT_EQ(bus().admin().set_retention("t", {.time = 1h, .bytes = 0}).error().code,
            ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace geminga::conformance
