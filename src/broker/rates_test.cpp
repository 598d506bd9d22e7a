// Publish and dispatch rates, and who shares them.
#include <algorithm>

#include "broker/policies_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::Inbox;
using testing::kMany;
using testing::wait_for;

class RatesTest : public testing::PoliciesTest {};

TEST_F(RatesTest, WhatIsOverThePublishRateWaits) {
  set({.publish_messages_per_second = 10});
  const auto sender = producer().value();
  std::vector<std::future<Result<>>> sends;
  sends.reserve(30);
  for (int i = 0; i < 30; ++i) sends.push_back(send(sender));
  const auto stored = [&] { return stats().stored_messages; };
  EXPECT_TRUE(eventually([&] { return stored() == 10; }));
  clock_.advance(500ms);
  EXPECT_TRUE(eventually([&] { return stored() == 15; }));
  clock_.advance(10s);
  EXPECT_TRUE(eventually([&] { return stored() == 25; })) << "a second's worth, not ten";
  clock_.advance(10s);
  EXPECT_TRUE(eventually([&] { return stored() == 30; }));
  for (auto& one : sends) EXPECT_TRUE(one.get());
}

TEST_F(RatesTest, WhatIsOverTheDispatchRateWaits) {
  ASSERT_TRUE(subscription());
  set({.dispatch_messages_per_second = 10});
  const auto sender = producer().value();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(send(sender).get());
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox).value();
  EXPECT_TRUE(eventually([&] { return inbox->size() == 10; }));
  EXPECT_NE(stats().subscriptions.at(0).dispatch_paused.find("rate"), std::string::npos);
  clock_.advance(500ms);
  EXPECT_TRUE(eventually([&] { return inbox->size() == 15; }));
  clock_.advance(10s);
  EXPECT_TRUE(eventually([&] { return inbox->size() == 25; }));
  set({});
  EXPECT_TRUE(eventually([&] { return inbox->size() == 30; }));
}

TEST_F(RatesTest, WhatOneTopicRefusesTakesNothingOfAnothersRate) {
  const TopicPtr other = BrokerTest::topic("persistent://public/default/other");
  const auto publish_to = [&](const std::vector<TopicPtr>& topics) {
    std::vector<Publication> publications;
    for (const TopicPtr& to : topics) publications.push_back({.topic = to, .append = append()});
    return wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(publications), std::move(done)); });
  };
  for (const TopicPtr& to : {topic_, other}) {
    ASSERT_TRUE(wait_for<void>(
        [&](auto done) { broker_->set_policies(to, {.publish_messages_per_second = 1}, std::move(done)); }));
  }
  for (const auto& [full, idle] : {std::pair(topic_, other), std::pair(other, topic_)}) {
    clock_.advance(10s);
    ASSERT_TRUE(publish_to({full}));
    EXPECT_EQ(publish_to({idle, full}).error().code, ErrorCode::overloaded);
    EXPECT_TRUE(publish_to({idle}));
  }
}

TEST_F(RatesTest, ProducersAndSubscriptionsShareARate) {
  ASSERT_TRUE(subscription("a"));
  ASSERT_TRUE(subscription("b"));
  set({.publish_messages_per_second = 10, .dispatch_messages_per_second = 10});
  const auto one = producer().value();
  const auto two = producer().value();
  std::vector<std::future<Result<>>> first;
  std::vector<std::future<Result<>>> second;
  first.reserve(50);
  second.reserve(50);
  for (int i = 0; i < 50; ++i) first.push_back(send(one));
  for (int i = 0; i < 50; ++i) second.push_back(send(two));
  const auto done = [](const std::vector<std::future<Result<>>>& sends) {
    return std::ranges::count_if(
        sends, [](const auto& each) { return each.wait_for(0s) == std::future_status::ready; });
  };
  // Time goes on as the sends do: a clock that runs ahead of a slow machine would let them all go at once.
  int released = 10;
  EXPECT_TRUE(eventually([&] {
    if (done(first) + done(second) + 2 >= released) {
      clock_.advance(100ms);
      ++released;
    }
    return done(first) >= 20 && done(second) >= 20;
  })) << "neither waits for the end of the other";
  EXPECT_LT(done(first) + done(second), 100) << "the test has seen it while both were waiting";
  set({.dispatch_messages_per_second = 10});
  for (auto& each : first) EXPECT_TRUE(each.get());
  for (auto& each : second) EXPECT_TRUE(each.get());
  auto left = std::make_shared<Inbox>();
  auto right = std::make_shared<Inbox>();
  const auto consumer_a = consume(left, "a").value();
  const auto consumer_b = consume(right, "b").value();
  EXPECT_TRUE(eventually([&] {
    clock_.advance(100ms);
    return left->size() >= 20 && right->size() >= 20;
  }));
  EXPECT_LT(left->size() + right->size(), 200U);
}

class SharedRateTest : public RatesTest, public ::testing::WithParamInterface<bool> {};

TEST_P(SharedRateTest, SubscriptionsTakeTurnsHoweverBusyOneIs) {
  const bool published = GetParam();
  ASSERT_TRUE(subscription("a"));
  ASSERT_TRUE(subscription("b"));
  ASSERT_TRUE(publish(100));
  set({.dispatch_messages_per_second = 10});
  auto left = std::make_shared<Inbox>();
  auto right = std::make_shared<Inbox>();
  const auto consumer_a = consume(left, "a").value();
  const auto consumer_b = consume(right, "b").value();
  for (int i = 0; i < 40; ++i) {
    clock_.advance(100ms);
    // Each group of the journal is a turn of the topic, long before its timer; so is what a consumer asks
    // for.
    ASSERT_TRUE(!published || publish(1));
    consumer_a->flow({.messages = 1, .bytes = 1});
    static_cast<void>(stats());
  }
  EXPECT_GE(left->size(), 15U);
  EXPECT_GE(right->size(), 15U);
}
INSTANTIATE_TEST_SUITE_P(Busy, SharedRateTest, ::testing::Bool());

TEST_F(RatesTest, ReadersAreSentNoMoreThanTheRate) {
  set({.dispatch_bytes_per_second = 1'000});
  ASSERT_TRUE(publish(30, 100));
  const std::uint64_t size = stats().bytes_in / 30;
  const auto sent_of = [&](std::uint64_t bytes) { return (bytes + size - 1) / size; };
  auto inbox = std::make_shared<Inbox>();
  const auto reader = wait_for<ReaderPtr>([&](auto done) {
                        broker_->create_reader(topic_, {.position = InitialPosition::earliest}, kMany, inbox,
                                               std::move(done));
                      }).value();
  EXPECT_TRUE(eventually([&] { return inbox->size() == sent_of(1'000); }));
  clock_.advance(500ms);
  EXPECT_TRUE(eventually([&] { return inbox->size() == sent_of(1'500); }));
  set({});
  EXPECT_TRUE(eventually([&] { return inbox->size() == 30; }));
}

}  // namespace
}  // namespace geminga::broker
