// Limits, inactive topics, and where policies come from.

#include "broker/policies_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::Inbox;
using testing::wait_for;

using testing::PoliciesTest;

TEST_F(PoliciesTest, ATopicThatNobodyUsesIsDeleted) {
  set({.inactive_after = 60s});
  auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  clock_.advance(2min);
  look();
  EXPECT_TRUE(topic(false)) << "a producer is connected";
  sender.reset();
  clock_.advance(30s);
  look();
  EXPECT_TRUE(topic(false));
  EXPECT_TRUE(eventually([&] {
    clock_.advance(10s);
    return !topic(false);
  }));
}

TEST_F(PoliciesTest, ATopicWithASubscriptionIsNeverInactive) {
  ASSERT_TRUE(subscription());
  set({.inactive_after = 1s});
  for (int i = 0; i < 20; ++i) {
    clock_.advance(1min);
    look();
  }
  EXPECT_TRUE(topic(false));
}

TEST_F(PoliciesTest, WhatIsPublishedWithoutAProducerIsUseToo) {
  set({.inactive_after = 60s});
  for (int i = 0; i < 10; ++i) {
    clock_.advance(50s);
    ASSERT_TRUE(publish(1));
    look();
  }
  EXPECT_TRUE(topic(false));
  EXPECT_TRUE(eventually([&] {
    clock_.advance(10s);
    return !topic(false);
  }));
  EXPECT_EQ(publish(1).error().code, ErrorCode::topic_not_found);
}

TEST_F(PoliciesTest, AnInactiveTopicStaysAsLongAsItsRetention) {
  set({.inactive_after = 60s});
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_retention(topic_, {.time = 1h, .bytes = std::nullopt}, std::move(done));
  }));
  ASSERT_TRUE(publish(1));
  look();
  clock_.advance(59min);
  look();
  EXPECT_TRUE(topic(false));
  EXPECT_TRUE(eventually([&] {
    clock_.advance(10s);
    return !topic(false);
  }));
}

TEST_F(PoliciesTest, NumbersAreLimited) {
  set({.max_producers = 1, .max_consumers = 1, .max_subscriptions = 1});
  const auto one = producer().value();
  EXPECT_EQ(producer().error().code, ErrorCode::producer_busy);
  EXPECT_TRUE(producer({.access = ProducerAccess::exclusive_with_fencing})) << "it takes the other's place";
  const auto consumer = consume(std::make_shared<Inbox>()).value();
  EXPECT_EQ(consume(std::make_shared<Inbox>()).error().code, ErrorCode::consumer_busy);
  EXPECT_EQ(subscription("other").error().code, ErrorCode::conflict);
  EXPECT_EQ(stats().subscriptions.size(), 1U) << "what is refused leaves nothing behind";
}

TEST_F(PoliciesTest, TheTopicsOwnGoBeforeTheNamespacesAndBothAreKept) {
  const auto set_namespace = [&](Policies policies) {
    return wait_for<void>(
        [&](auto done) { broker_->set_namespace_policies("public/default", policies, std::move(done)); });
  };
  const Policies of_namespace{.message_ttl = 60s, .max_producers = 1};
  ASSERT_TRUE(set_namespace(of_namespace));
  EXPECT_EQ(wait_for<void>([&](auto done) {
              broker_->set_namespace_policies("no/where", of_namespace, std::move(done));
            })
                .error()
                .code,
            ErrorCode::not_found);
  set({.max_producers = 0});
  for (int round = 0; round < 2; ++round) {
    const auto one = producer();
    const auto two = producer();
    EXPECT_TRUE(two) << "0 is no limit";
    EXPECT_EQ(broker_->namespace_policies("public/default").value(), of_namespace);
    const auto own =
        wait_for<Policies>([&](auto done) { broker_->policies(topic_, std::move(done)); }).value();
    EXPECT_EQ(own, Policies{.max_producers = 0});
    if (round == 0) reopen();
  }
  ASSERT_TRUE(subscription());
  ASSERT_TRUE(send(producer().value()).get());
  clock_.advance(61s);
  EXPECT_TRUE(eventually([&] { return backlog() == 0; })) << "the namespace's ttl after the restart";
}

TEST_F(PoliciesTest, WhatANamespaceDoesNotSayTheOptionsSay) {
  const RetentionPolicy hour{.time = 1h, .bytes = std::nullopt};
  options_.default_policies = {.max_producers = 1};
  options_.default_retention = hour;
  options_.without_defaults = [](std::string_view name_space) { return name_space == "public/kept"; };
  reopen();
  {
    const auto one = producer();
    EXPECT_EQ(producer().error().code, ErrorCode::producer_busy);
    ASSERT_TRUE(wait_for<void>([&](auto done) {
      broker_->set_namespace_policies("public/default", {.max_subscriptions = 9}, std::move(done));
    }));
    EXPECT_EQ(producer().error().code, ErrorCode::producer_busy);
    ASSERT_TRUE(wait_for<void>([&](auto done) {
      broker_->set_namespace_policies("public/default", {.max_producers = 2}, std::move(done));
    }));
    EXPECT_TRUE(producer());
    EXPECT_EQ(broker_->namespace_policies("public/default").value(), Policies{.max_producers = 2});
  }
  for (const auto& [name, kept] : {std::pair("persistent://public/default/new", hour),
                                   std::pair("persistent://public/kept/new", RetentionPolicy{})}) {
    topic_ = wait_for<TopicPtr>([&](auto done) { broker_->open_topic(name, true, std::move(done)); }).value();
    ASSERT_TRUE(subscription());
    ASSERT_TRUE(publish(1));
    skip_all();
    const std::uint64_t stays = kept == hour ? 1 : 0;
    EXPECT_TRUE(eventually([&] {
      look();
      return stats().stored_messages == stays;
    })) << name;
    const auto one = producer();
    const auto two = producer();
    const auto three = producer();
    EXPECT_EQ(three.has_value(), kept == RetentionPolicy{}) << name;
  }
}

}  // namespace
}  // namespace geminga::broker
