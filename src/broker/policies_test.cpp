// Policies against a clock that the test moves.
#include <algorithm>
#include <future>
#include <thread>

#include "base/log.hpp"
#include "broker/broker_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::Inbox;
using testing::kMany;
using testing::kPatience;
using testing::wait_for;

constexpr std::uint64_t kBudget = 1 << 20;
constexpr char kName[] = "persistent://public/default/t";

template <class Condition>
bool eventually(Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class PoliciesTest : public testing::BrokerTest {
 protected:
  void SetUp() override {
    options_.publish_budget_bytes = kBudget;
    options_.trim_every = 5ms;
    options_.clock = &clock_;
    BrokerTest::SetUp();
    topic_ = topic(true).value();
  }
  void reopen() {
    topic_.reset();
    BrokerTest::reopen();
    topic_ = topic(true).value();
  }
  Result<TopicPtr> topic(bool create) {
    return wait_for<TopicPtr>([&](auto done) { broker_->open_topic(kName, create, std::move(done)); });
  }
  static storage::Append append(std::size_t bytes = 10) {
    return encode_raw({.body = std::string(bytes, 'x')}, "", Timestamp{});
  }
  /// As a forward does, without a producer.
  Result<std::vector<MessageId>> publish(std::size_t messages, std::size_t bytes = 10) {
    std::vector<Publication> publications;
    publications.reserve(messages);
    for (std::size_t i = 0; i < messages; ++i)
      publications.push_back({.topic = topic_, .append = append(bytes)});
    return wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(publications), std::move(done)); });
  }
  void look() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->trim(topic_, std::move(done)); }));
  }
  void set(Policies policies) {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->set_policies(topic_, policies, std::move(done)); }));
  }
  Result<> subscription(const std::string& name = "s") {
    return wait_for<void>([&](auto done) {
      broker_->create_subscription(topic_, name, InitialPosition::earliest, std::move(done));
    });
  }
  Result<ProducerPtr> producer(RegisterOptions options = {}) {
    return wait_for<ProducerPtr>(
        [&](auto done) { broker_->create_producer(topic_, std::move(options), std::move(done)); });
  }
  static std::future<Result<>> send(const ProducerPtr& from, std::size_t bytes = 10,
                                    std::optional<std::uint64_t> sequence = {}) {
    std::vector<storage::Append> one;
    one.push_back(append(bytes));
    if (sequence) {
      one.front().flags |= storage::EntryFlags::kDeduplicate;
      one.front().sequence = *sequence;
    }
    auto promise = std::make_shared<std::promise<Result<>>>();
    from->publish(std::move(one), [promise](const Result<std::vector<MessageId>>& ids) {
      promise->set_value(ids ? Result<>{} : std::unexpected(ids.error()));
    });
    return promise->get_future();
  }
  Result<ConsumerPtr> consume(std::shared_ptr<Inbox> inbox, const std::string& name = "s") {
    SubscribeOptions options = options_of(SubscriptionType::shared);
    options.subscription = name;
    return subscribe(topic_, std::move(inbox), options);
  }
  TopicStats stats() { return BrokerTest::stats(topic_); }
  std::uint64_t backlog() { return stats().subscriptions.at(0).backlog; }
  void skip_all() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip_all(topic_, "s", std::move(done)); }));
  }

  base::ManualClock clock_;
  TopicPtr topic_;
};

TEST_F(PoliciesTest, OldMessagesExpireForEverySubscriptionAndStayExpired) {
  ASSERT_TRUE(subscription());
  set({.message_ttl = 60s});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  ASSERT_TRUE(send(sender).get());
  clock_.advance(40s);
  ASSERT_TRUE(send(sender).get());
  EXPECT_EQ(backlog(), 3U);
  clock_.advance(30s);
  EXPECT_TRUE(eventually([&] { return backlog() == 1; }));
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox).value();
  EXPECT_TRUE(eventually([&] { return inbox->size() == 1; }));
  clock_.advance(40s);
  EXPECT_TRUE(eventually([&] { return backlog() == 0; })) << "also what a consumer holds";
  reopen();
  EXPECT_EQ(backlog(), 0U);
}

TEST_F(PoliciesTest, ExpiryLeavesWhatIsAcknowledgedAloneAndTakesWhatIsDelayed) {
  ASSERT_TRUE(subscription("ahead"));
  ASSERT_TRUE(subscription("behind"));
  ASSERT_TRUE(publish(2));
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip(topic_, "ahead", 1, std::move(done)); }));
  auto delayed = append();
  delayed.deliver_at = clock_.wall_now() + 1h;
  std::vector<Publication> one;
  one.push_back({.topic = topic_, .append = std::move(delayed)});
  ASSERT_TRUE(wait_for<std::vector<MessageId>>(
      [&](auto done) { broker_->publish(std::move(one), std::move(done)); }));
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox, "behind").value();
  ASSERT_TRUE(eventually([&] { return inbox->size() == 2; }));
  set({.message_ttl = 60s});
  clock_.advance(61s);
  EXPECT_TRUE(eventually([&] {
    const TopicStats now = stats();
    return now.subscriptions.at(0).backlog == 0 && now.subscriptions.at(1).backlog == 0;
  }));
  EXPECT_EQ(stats().subscriptions.at(1).delayed, 0U);
  clock_.advance(2h);
  ASSERT_TRUE(publish(1));
  EXPECT_TRUE(eventually([&] { return inbox->size() == 3; })) << "the new one, not the delayed one";
}

TEST_F(PoliciesTest, AnExpiryBesideASeekTakesWhatIsOlderAndNothingElse) {
  ASSERT_TRUE(subscription());
  ASSERT_TRUE(wait_for<void>([&](auto done) {  // what is acknowledged is still there for the seek
    broker_->set_retention(topic_, {.time = 1h, .bytes = std::nullopt}, std::move(done));
  }));
  ASSERT_TRUE(publish(2));
  clock_.advance(60s);
  const Timestamp between = clock_.wall_now();
  ASSERT_TRUE(publish(2));
  for (int round = 0; round < 20; ++round) {
    skip_all();
    std::promise<Result<>> sought;
    broker_->seek(topic_, "s", InitialPosition::earliest,
                  [&](Result<> done) { sought.set_value(std::move(done)); });
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->expire(topic_, "s", between, std::move(done)); }));
    ASSERT_TRUE(sought.get_future().get());
    EXPECT_EQ(backlog(), 2U) << "not acknowledged again since the seek";
  }
  reopen();
  EXPECT_EQ(backlog(), 2U);
}

TEST_F(PoliciesTest, ATrimForgetsNothingThatASeekBesideItBroughtBack) {
  options_.trim_every = 1h;
  reopen();
  ASSERT_TRUE(subscription());
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_retention(topic_, {.time = 1h, .bytes = std::nullopt}, std::move(done));
  }));
  ASSERT_TRUE(publish(20));
  skip_all();
  look();
  ASSERT_EQ(stats().stored_messages, 20U) << "and the topic knows how old its oldest is";
  clock_.advance(2h);
  std::promise<Result<>> trimmed;
  std::promise<Result<>> sought;
  // From a turn of the core, so that the seek comes while the trim searches.
  broker_->stats(topic_, [&](const Result<TopicStats>&) {
    broker_->trim(topic_, [&](Result<> done) { trimmed.set_value(std::move(done)); });
    broker_->seek(topic_, "s", InitialPosition::earliest,
                  [&](Result<> done) { sought.set_value(std::move(done)); });
  });
  ASSERT_TRUE(trimmed.get_future().get());
  ASSERT_TRUE(sought.get_future().get());
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox).value();
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(acknowledge(consumer, inbox->next().entry.header.entry)) << "all that was brought back";
  EXPECT_TRUE(eventually([&] {
    look();
    return stats().stored_messages == 0;
  })) << "the next trim goes on";
}

TEST_F(PoliciesTest, ASeekToATimeThatATrimOvertakesGoesToWhatIsKept) {
  options_.trim_every = 1h;
  reopen();
  ASSERT_TRUE(subscription());
  ASSERT_TRUE(publish(20));
  skip_all();
  std::promise<Result<>> trimmed;
  std::promise<Result<>> sought;
  broker_->stats(topic_, [&](const Result<TopicStats>&) {
    broker_->seek(topic_, "s", Timestamp{}, [&](Result<> done) { sought.set_value(std::move(done)); });
    broker_->trim(topic_, [&](Result<> done) { trimmed.set_value(std::move(done)); });
  });
  ASSERT_TRUE(trimmed.get_future().get());
  ASSERT_TRUE(sought.get_future().get());
  ASSERT_TRUE(publish(1));
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox).value();
  ASSERT_TRUE(acknowledge(consumer, inbox->next().entry.header.entry));
  look();
  EXPECT_EQ(stats().stored_messages, 0U);
}

TEST_F(PoliciesTest, ABacklogOverItsSizeHoldsSendsUntilItIsSmaller) {
  ASSERT_TRUE(subscription());
  const auto sender = producer().value();
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(send(sender, 1'000).get());
  set({.backlog_bytes = 10'000});
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  auto second = send(sender);
  EXPECT_EQ(held.wait_for(50ms), std::future_status::timeout);
  skip_all();
  ASSERT_EQ(held.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(stats().publish_paused.empty());
}

TEST_F(PoliciesTest, HeldSendsGoOnWhenAConsumerCatchesUp) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox).value();
  ASSERT_TRUE(eventually([&] { return inbox->size() == 1; }));
  ASSERT_TRUE(acknowledge(consumer, EntryId{0}));
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(eventually([&] { return inbox->size() == 2; }));
}

TEST_F(PoliciesTest, HeldSendsGoOnWhenThePolicyIsTakenBack) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  set({});
  EXPECT_TRUE(held.get());
}

TEST_F(PoliciesTest, HeldSendsAreRefusedWhenThePolicySaysSoNow) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  set({.backlog_bytes = 1'000, .backlog_action = BacklogAction::producer_exception});
  EXPECT_EQ(held.get().error().code, ErrorCode::backlog_quota_exceeded);
}

TEST_F(PoliciesTest, WhatIsHeldHasABudget) {
  set({.publish_messages_per_second = 1});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  std::vector<std::future<Result<>>> held;
  held.reserve(7);
  for (int i = 0; i < 7; ++i) held.push_back(send(sender, kBudget / 8));
  const Result<> over = send(sender, kBudget / 4).get();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::overloaded);
  EXPECT_GE(broker_->broker_stats().held_bytes, 7 * kBudget / 8);
  set({});
  for (auto& one : held) EXPECT_TRUE(one.get());
  EXPECT_TRUE(send(sender).get());
  EXPECT_EQ(broker_->broker_stats().held_bytes, 0U);
}

TEST_F(PoliciesTest, EmptyMessagesThatAreHeldTakeOfTheBudgetToo) {
  set({.publish_messages_per_second = 1});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  std::vector<std::future<Result<>>> held;
  const std::size_t most = kBudget / storage::kAppendOverheadBytes;
  do held.push_back(send(sender, 0));
  while (held.size() <= most && held.back().wait_for(0s) == std::future_status::timeout);
  ASSERT_LE(held.size(), most + 1);
  EXPECT_EQ(held.back().get().error().code, ErrorCode::overloaded);
  held.pop_back();
  EXPECT_GT(held.size(), most / 2);
  set({});
  for (auto& one : held) EXPECT_TRUE(one.get());
}

TEST_F(PoliciesTest, NothingNumberedPassesWhatWasRefusedBeforeIt) {
  set({.publish_messages_per_second = 1});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender, 10, 1).get());
  auto held = send(sender, 7 * kBudget / 8, 2);
  const Result<> over = send(sender, kBudget / 4, 3).get();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::overloaded);
  auto behind = send(sender, 10, 4);
  set({});
  EXPECT_TRUE(held.get());
  EXPECT_EQ(behind.get().error().code, ErrorCode::overloaded) << "3, sent again, would pass for stored";
  EXPECT_TRUE(send(sender, kBudget / 4, 3).get());
  EXPECT_TRUE(send(sender, 10, 4).get());
  EXPECT_EQ(stats().stored_messages, 4U);
}

TEST_F(PoliciesTest, WhatIsPublishedWithoutAProducerIsRefusedInsteadOfHeld) {
  ASSERT_TRUE(subscription());
  set({.publish_messages_per_second = 10});
  EXPECT_TRUE(publish(100)) << "one record is never cut: it goes and is waited off";
  EXPECT_EQ(publish(1).error().code, ErrorCode::overloaded);
  clock_.advance(10s);
  EXPECT_TRUE(publish(1));
  set({.backlog_bytes = 100});
  EXPECT_TRUE(eventually([&] { return !publish(1, 1'000); }));
  EXPECT_EQ(publish(1).error().code, ErrorCode::backlog_quota_exceeded);
  skip_all();
  EXPECT_TRUE(eventually([&] { return publish(1).has_value(); }));
}

TEST_F(PoliciesTest, AClosedProducersHeldSendsAreAnswered) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 1'000});
  auto sender = producer().value();
  ASSERT_TRUE(send(sender, 2'000).get());
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  sender.reset();
  EXPECT_EQ(held.get().error().code, ErrorCode::closed);
}

TEST_F(PoliciesTest, ABacklogOverItsSizeRefusesSendsWhereAsked) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 10'000, .backlog_action = BacklogAction::producer_exception});
  const auto sender = producer().value();
  Result<> last;
  ASSERT_TRUE(eventually([&] { return !(last = send(sender, 1'000).get()); }));
  EXPECT_EQ(last.error().code, ErrorCode::backlog_quota_exceeded);
  EXPECT_EQ(producer().error().code, ErrorCode::backlog_quota_exceeded);
  skip_all();
  EXPECT_TRUE(eventually([&] { return send(sender).get().has_value(); }));
}

TEST_F(PoliciesTest, ABacklogOverItsSizeLosesItsOldestWhereAsked) {
  ASSERT_TRUE(subscription());
  set({.backlog_bytes = 10'000, .backlog_action = BacklogAction::consumer_backlog_eviction});
  const auto sender = producer().value();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(send(sender, 1'000).get());
  EXPECT_TRUE(eventually([&] { return backlog() <= 10; }));
  EXPECT_GE(backlog(), 8U) << "no more than it must";
}

TEST_F(PoliciesTest, ABacklogOverItsAgeHoldsOrLosesItsOldest) {
  ASSERT_TRUE(subscription());
  set({.backlog_age = 60s});
  const auto sender = producer().value();
  ASSERT_TRUE(send(sender).get());
  EXPECT_TRUE(stats().publish_paused.empty());
  clock_.advance(61s);
  ASSERT_TRUE(eventually([&] { return !stats().publish_paused.empty(); }));
  auto held = send(sender);
  EXPECT_EQ(held.wait_for(50ms), std::future_status::timeout);
  set({.backlog_age = 60s, .backlog_action = BacklogAction::consumer_backlog_eviction});
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(eventually([&] { return backlog() == 1; }));
}

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

TEST_F(PoliciesTest, WhatIsOverThePublishRateWaits) {
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

TEST_F(PoliciesTest, WhatIsOverTheDispatchRateWaits) {
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

TEST_F(PoliciesTest, ProducersAndSubscriptionsShareARate) {
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

TEST_F(PoliciesTest, ABusyTopicsRateIsSharedByItsSubscriptions) {
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
    ASSERT_TRUE(publish(1)) << "each group of the journal is a turn of the topic, long before its timer";
    consumer_a->flow({.messages = 1, .bytes = 1});
    static_cast<void>(stats());
  }
  EXPECT_GE(left->size(), 15U);
  EXPECT_GE(right->size(), 15U);
}

TEST_F(PoliciesTest, ABusyConsumerTakesNotTheTurnsOfOthers) {
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
    consumer_a->flow({.messages = 1, .bytes = 1});
    static_cast<void>(stats());
  }
  EXPECT_GE(left->size(), 15U);
  EXPECT_GE(right->size(), 15U);
}

TEST_F(PoliciesTest, ReadersAreSentNoMoreThanTheRate) {
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

TEST_F(PoliciesTest, WhatAWrongClockDatedIsSaidAndKeptUntilThen) {
  constexpr auto kWrong = 24h * 365;
  ASSERT_TRUE(subscription());
  clock_.jump(kWrong);
  ASSERT_TRUE(publish(1));
  clock_.jump(-kWrong);
  ASSERT_TRUE(log::configure({.level = log::Level::warn}));
  ::testing::internal::CaptureStderr();
  set({.message_ttl = 1h});
  const auto backlog = [&] {
    look();
    return stats().subscriptions.front().backlog;
  };
  for (int i = 0; i < 2; ++i) {
    clock_.advance(25min);
    EXPECT_EQ(backlog(), 1U);
  }
  const std::string lines = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(log::configure({.level = log::Level::off}));
  const std::size_t first = lines.find("wrong clock");
  ASSERT_NE(first, std::string::npos) << lines;
  const std::size_t again = lines.find("wrong clock", first + 1);
  EXPECT_EQ(again, std::string::npos) << "once an hour: " << lines;
  clock_.advance(kWrong + 1h);
  EXPECT_TRUE(eventually([&] { return backlog() == 0; }));
}

}  // namespace
}  // namespace geminga::broker
