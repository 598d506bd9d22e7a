// What is held until its time, with a clock that the test moves and hardly any memory for it.
#include <set>
#include <thread>

#include "broker/broker_fixture.hpp"
#include "broker/delay_index.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::Inbox;
using testing::wait_for;

constexpr std::uint32_t kInMemory = 50;

template <class Condition>
bool eventually(Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + testing::kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class DelayTest : public testing::BrokerTest {
 protected:
  void SetUp() override {
    options_.delayed_bytes_max = 0;
    options_.delayed_each_min = kInMemory;
    options_.clock = &clock_;
    BrokerTest::SetUp();
    topic_ = topic();
  }
  void reopen() {
    consumer_.reset();
    topic_.reset();
    BrokerTest::reopen();
    topic_ = topic();
  }
  /// Message i is due (i * 7 % messages) + 1 ms from now.
  void publish_delayed(std::size_t messages, std::size_t bytes = 10) {
    std::vector<Publication> all;
    for (std::size_t i = 0; i < messages; ++i) {
      auto append = encode_raw({.body = std::string(bytes, 'x')}, "", Timestamp{});
      append.deliver_at = clock_.wall_now() + std::chrono::milliseconds(1 + i * 7 % messages);
      all.push_back({.topic = topic_, .append = std::move(append)});
    }
    ASSERT_TRUE(wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(all), std::move(done)); }));
  }
  void connect(SubscriptionType type = SubscriptionType::shared) {
    inbox_ = std::make_shared<Inbox>();
    auto options = options_of(type);
    options.permits.messages = 100'000;
    consumer_ = subscribe(topic_, inbox_, options).value();
  }
  SubscriptionStats of_subscription() { return stats(topic_).subscriptions.at(0); }
  bool all_held(std::uint64_t messages) {
    return eventually([&] { return of_subscription().delayed == messages; });
  }
  void advance(std::chrono::milliseconds time) {
    clock_.advance(time);
    consumer_->flow({});
  }
  /// What comes, checked and acknowledged.
  void take(std::size_t messages) {
    for (std::size_t i = 0; i < messages; ++i) {
      const Delivered one = inbox_->next();
      EXPECT_LE(one.entry.header.deliver_at, clock_.wall_now()) << "early";
      EXPECT_EQ(one.redelivery_count, 0U);
      EXPECT_EQ(body(one).substr(0, 1), "x");
      EXPECT_TRUE(seen_.insert(one.entry.header.entry).second) << "twice";
      ASSERT_TRUE(acknowledge(consumer_, one.entry.header.entry));
    }
  }
  void expect_bounded() {
    const BrokerStats stats = broker_->broker_stats();
    EXPECT_LE(stats.delayed_bytes, kInMemory * sizeof(Held));
  }

  base::ManualClock clock_;
  TopicPtr topic_;
  ConsumerPtr consumer_;
  std::shared_ptr<Inbox> inbox_;
  std::set<EntryId> seen_;
};

TEST_F(DelayTest, MoreThanTheMemoryHoldsComeAllOverARestart) {
  publish_delayed(1'000);
  connect();
  ASSERT_TRUE(all_held(1'000));
  EXPECT_EQ(inbox_->size(), 0U);
  EXPECT_EQ(of_subscription().dispatch_paused, "");
  expect_bounded();
  advance(300ms);
  take(300);
  expect_bounded();
  reopen();
  connect();
  ASSERT_TRUE(all_held(700));
  EXPECT_EQ(inbox_->size(), 0U);
  expect_bounded();
  for (int i = 0; i < 7; ++i) {
    advance(100ms);
    take(100);
    expect_bounded();
  }
  EXPECT_EQ(of_subscription().backlog, 0U);
  EXPECT_EQ(of_subscription().delayed, 0U);
}

TEST_F(DelayTest, BodiesOfWhatIsHeldAreNotRead) {
  options_.memory_table_bytes = 1 << 20;  // so that most of it stands in segments
  reopen();
  for (int i = 0; i < 8; ++i) publish_delayed(10, 100'000);
  reopen();
  connect(SubscriptionType::key_shared);
  ASSERT_TRUE(all_held(80));
  expect_bounded();
  advance(10ms);
  take(80);
}

TEST_F(DelayTest, WhatIsHeldHoldsNothingBackAndStaysBehindASkip) {
  publish_delayed(500);
  connect();
  ASSERT_TRUE(all_held(500));
  publish(topic_, "x now");
  take(1);
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip(topic_, "s", 400, std::move(done)); }));
  ASSERT_TRUE(all_held(100)) << "counted anew";
  advance(500ms);
  take(100);
  EXPECT_EQ(of_subscription().backlog, 0U);
}

TEST_F(DelayTest, ASeekHoldsAgainWhatIsNotDue) {
  publish_delayed(200);
  connect();
  ASSERT_TRUE(all_held(200));
  advance(100ms);
  take(100);
  // Nothing is kept of what all have acknowledged but what another one needs.
  ASSERT_TRUE(
      wait_for<void>([&](auto done) { consumer_->seek(InitialPosition::earliest, std::move(done)); }));
  ASSERT_TRUE(eventually([&] { return of_subscription().delayed == 100; }));
  const std::uint64_t left = of_subscription().backlog;
  seen_.clear();
  advance(100ms);
  take(left);
}

/// What an official client makes: no property. And what else there is to say.
class OrderedDelayTest : public DelayTest {
 protected:
  /// Subscribes, then publishes one that is delayed and one that is not.
  void begin(SubscriptionType type, Properties properties = {}) {
    inbox_ = std::make_shared<Inbox>();
    consumer_ = try_connect(type, std::move(properties)).value();
    publish_delayed(1);
    publish(topic_, "x at once");
  }
  Result<ConsumerPtr> try_connect(SubscriptionType type, Properties properties) {
    auto options = options_of(type);
    options.initial_position = InitialPosition::latest;  // behind what the last one left
    options.properties = std::move(properties);
    return subscribe(topic_, inbox_, options);
  }
  std::uint64_t next() {
    const Delivered one = inbox_->next();
    return one.entry.header.entry.value;
  }
  Result<> set_policy(std::optional<DelayOnOrdered> policy) {
    return wait_for<void>(
        [&](auto done) { broker_->set_policies(topic_, {.delay_on_ordered = policy}, std::move(done)); });
  }
  Result<> unsubscribe() {
    return wait_for<void>([&](auto done) { consumer_->unsubscribe(std::move(done)); });
  }
};

TEST_F(OrderedDelayTest, WithoutThePropertyItComesAtOnceAndInOrder) {
  for (const SubscriptionType type : {SubscriptionType::exclusive, SubscriptionType::failover}) {
    begin(type);
    const std::uint64_t first = next();
    EXPECT_EQ(next(), first + 1);
    EXPECT_EQ(of_subscription().delayed, 0U);
    EXPECT_TRUE(of_subscription().properties.empty());
    ASSERT_TRUE(unsubscribe());
  }
}

TEST_F(OrderedDelayTest, WithThePropertyItIsHeldOverARestartAndForWhoeverConnects) {
  for (const SubscriptionType type : {SubscriptionType::exclusive, SubscriptionType::failover}) {
    begin(type, {{"geminga.delay", "hold"}, {"other", "kept"}});
    const std::uint64_t second = next();
    EXPECT_EQ(of_subscription().delayed, 1U);
    // A cumulative acknowledgement is of what was delivered.
    ASSERT_TRUE(acknowledge(consumer_, {.up_to = EntryId{second}}));
    EXPECT_EQ(of_subscription().backlog, 1U);
    reopen();
    EXPECT_EQ(of_subscription().properties, (Properties{{"geminga.delay", "hold"}, {"other", "kept"}}));
    inbox_ = std::make_shared<Inbox>();
    consumer_ = try_connect(type, {}).value();
    ASSERT_TRUE(all_held(1));
    EXPECT_EQ(inbox_->size(), 0U);
    advance(1ms);
    EXPECT_EQ(next(), second - 1);
    ASSERT_TRUE(unsubscribe());
  }
}

TEST_F(OrderedDelayTest, ThePolicyDecidesWhereTheSubscriptionSaysNothing) {
  ASSERT_TRUE(set_policy(DelayOnOrdered::hold));
  begin(SubscriptionType::exclusive);
  const std::uint64_t second = next();
  EXPECT_EQ(of_subscription().delayed, 1U);
  ASSERT_TRUE(set_policy(std::nullopt));
  EXPECT_EQ(of_subscription().delayed, 1U) << "what is held stays so";
  publish_delayed(1);
  EXPECT_EQ(next(), second + 1) << "from now on";
  ASSERT_TRUE(set_policy(DelayOnOrdered::hold));
  ASSERT_TRUE(unsubscribe());
  begin(SubscriptionType::exclusive, {{"geminga.delay", "deliver"}});
  const std::uint64_t first = next();
  EXPECT_EQ(next(), first + 1) << "its own word";
}

TEST_F(OrderedDelayTest, APropertyThatNobodyKnowsIsRefused) {
  inbox_ = std::make_shared<Inbox>();
  EXPECT_EQ(try_connect(SubscriptionType::exclusive, {{"geminga.delay", "no"}}).error().code,
            ErrorCode::invalid_argument);
  EXPECT_TRUE(stats(topic_).subscriptions.empty());
}

TEST_F(DelayTest, UnsubscribingFreesTheMemory) {
  publish_delayed(200);
  connect();
  ASSERT_TRUE(all_held(200));
  EXPECT_GT(broker_->broker_stats().delayed_bytes, 0U);
  ASSERT_TRUE(wait_for<void>([&](auto done) { consumer_->unsubscribe(std::move(done)); }));
  consumer_.reset();
  EXPECT_TRUE(eventually([&] { return broker_->broker_stats().delayed_bytes == 0; }));
}

}  // namespace
}  // namespace geminga::broker
