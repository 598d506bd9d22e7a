#include <future>

#include "broker/broker_fixture.hpp"
#include "broker/test_files.hpp"

namespace geminga::broker {
namespace {

using testing::BrokerTest;
using testing::Inbox;
using testing::kMany;
using testing::wait_for;

TEST_F(BrokerTest, WhatIsAcknowledgedStaysSoOverARestartAndTheRestComesAgain) {
  auto inbox = std::make_shared<Inbox>();
  {
    const TopicPtr t = topic();
    const ConsumerPtr consumer = subscribe(t, inbox).value();
    for (const char* text : {"a", "b", "c"}) publish(t, text);
    const Delivered a = inbox->next();
    const Delivered b = inbox->next();
    EXPECT_EQ(body(a), "a");
    ASSERT_TRUE(acknowledge(consumer, b.entry.header.entry));
    EXPECT_EQ(stats(t).subscriptions.front().backlog, 2U);
  }
  reopen();
  const TopicPtr t = topic();
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 2U);
  inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox).value();
  EXPECT_EQ(body(inbox->next()), "a");
  EXPECT_EQ(body(inbox->next()), "c");
  EXPECT_EQ(publish(t, "d").entry, EntryId{3});
}

TEST_F(BrokerTest, ForwardPublishesAndAcknowledgesTogether) {
  const TopicPtr in = topic();
  const TopicPtr out = topic("persistent://public/default/out");
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(in, inbox).value();
  publish(in, "question");
  const EntryId entry = inbox->next().entry.header.entry;
  const auto forward = [&] {
    std::vector<Publication> answers;
    answers.push_back({.topic = out, .append = encode_raw({.body = "answer"}, "", Timestamp{})});
    return wait_for<std::vector<MessageId>>(
        [&](auto done) { consumer->forward(entry, std::move(answers), std::move(done)); });
  };
  ASSERT_TRUE(forward());
  EXPECT_EQ(stats(in).subscriptions.front().backlog, 0U);
  EXPECT_EQ(stats(out).stored_messages, 1U);
  const auto twice = forward();
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::conflict);
  EXPECT_EQ(stats(out).stored_messages, 1U);
}

TEST_F(BrokerTest, ExclusiveRefusesASecondConsumer) {
  const TopicPtr t = topic();
  const auto first = subscribe(t, std::make_shared<Inbox>(), SubscriptionType::exclusive);
  ASSERT_TRUE(first);
  const auto second = subscribe(t, std::make_shared<Inbox>(), SubscriptionType::exclusive);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::consumer_busy);
  EXPECT_EQ(subscribe(t, std::make_shared<Inbox>(), SubscriptionType::shared).error().code,
            ErrorCode::subscription_type_mismatch);
}

TEST_F(BrokerTest, ReturnedEntryGoesToTheOtherConsumerWithItsCount) {
  const TopicPtr t = topic();
  auto one = std::make_shared<Inbox>();
  const ConsumerPtr first = subscribe(t, one).value();
  publish(t, "x");
  one->next();
  auto two = std::make_shared<Inbox>();
  const ConsumerPtr second = subscribe(t, two).value();
  ASSERT_TRUE(wait_for<void>([&](auto done) { first->close(std::move(done)); }));
  const Delivered again = two->next();
  EXPECT_EQ(body(again), "x");
  EXPECT_EQ(again.redelivery_count, 1U);
}

TEST_F(BrokerTest, ReaderFromLatestSeesEverythingAfterItsCreation) {
  const TopicPtr t = topic();
  publish(t, "old");
  auto inbox = std::make_shared<Inbox>();
  const auto reader =
      wait_for<ReaderPtr>([&](auto done) { broker_->create_reader(t, {}, kMany, inbox, std::move(done)); });
  ASSERT_TRUE(reader);
  publish(t, "new");
  EXPECT_EQ(body(inbox->next()), "new");
  auto all = std::make_shared<Inbox>();
  const auto earliest = wait_for<ReaderPtr>([&](auto done) {
    broker_->create_reader(t, {.position = InitialPosition::earliest}, kMany, all, std::move(done));
  });
  EXPECT_EQ(body(all->next()), "old");
}

TEST_F(BrokerTest, DeletedTopicClosesItsConsumersAndItsNameIsFreeAgain) {
  const std::string name = "persistent://public/default/t";
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = subscribe(topic(), inbox);
  publish(topic(), "x");
  const auto refused =
      wait_for<void>([&](auto done) { broker_->delete_topic(name, false, std::move(done)); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->delete_topic(name, true, std::move(done)); }));
  EXPECT_EQ(inbox->wait_closed().code, ErrorCode::topic_not_found);
  EXPECT_EQ(stats(topic()).stored_messages, 0U);
  reopen();
  EXPECT_EQ(stats(topic()).stored_messages, 0U);
}

TEST_F(BrokerTest, SkipAllEmptiesTheBacklogOverARestart) {
  auto inbox = std::make_shared<Inbox>();
  const TopicPtr t = topic();
  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->create_subscription(t, "s", InitialPosition::earliest, std::move(done)); }));
  publish(t, "x");
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 1U);
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip_all(t, "s", std::move(done)); }));
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 0U);
  reopen();
  EXPECT_EQ(stats(topic()).subscriptions.front().backlog, 0U);
}

TEST_F(BrokerTest, WhatIsUnderWayIsAnsweredWhileTheBrokerCloses) {
  testing::HeldFiles files;
  options_.files = &files;
  reopen();
  const TopicPtr t = topic();
  files.hold();
  std::promise<Result<ConsumerPtr>> subscribed;
  std::promise<Result<std::optional<MessageId>>> terminated;
  broker_->subscribe(t, options_of(SubscriptionType::shared), std::make_shared<Inbox>(),
                     [&](Result<ConsumerPtr> consumer) { subscribed.set_value(std::move(consumer)); });
  broker_->terminate_topic(
      t, [&](Result<std::optional<MessageId>> last) { terminated.set_value(std::move(last)); });
  ASSERT_TRUE(files.reached(testing::kPatience));
  auto closed = std::async(std::launch::async, [&] { return broker_->close(); });
  auto consumer = subscribed.get_future();
  auto last = terminated.get_future();
  const bool heard = consumer.wait_for(testing::kPatience) == std::future_status::ready &&
                     last.wait_for(testing::kPatience) == std::future_status::ready;
  EXPECT_TRUE(heard) << "the disk is still busy with it";
  files.release();
  EXPECT_EQ(consumer.get().error().code, ErrorCode::closed);
  EXPECT_EQ(last.get().error().code, ErrorCode::closed);
  EXPECT_TRUE(closed.get());
  broker_.reset();  // before its files
}

TEST_F(BrokerTest, LateCallsOnHandlesAnswerClosed) {
  const TopicPtr t = topic();
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox).value();
  ASSERT_TRUE(broker_->close());
  EXPECT_EQ(inbox->wait_closed().code, ErrorCode::closed);
  EXPECT_EQ(acknowledge(consumer, EntryId{0}).error().code, ErrorCode::closed);
  broker_.reset();
  EXPECT_EQ(acknowledge(consumer, EntryId{0}).error().code, ErrorCode::closed);
}

}  // namespace
}  // namespace geminga::broker
