// Seeks and skips, and what they overrule.
#include <future>
#include <thread>

#include "broker/subscription_fixture.hpp"
#include "broker/test_files.hpp"

namespace geminga::broker {
namespace {

using testing::Inbox;
using testing::kMany;
using testing::RefusingFiles;
using testing::SubscriptionTest;
using testing::wait_for;

TEST_F(SubscriptionTest, SeekTellsEveryConsumerAndVoidsWhatIsOut) {
  const TopicPtr t = topic();
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_retention(t, {.time = std::nullopt, .bytes = std::nullopt}, std::move(done));
  }));
  auto one = std::make_shared<Inbox>();
  auto two = std::make_shared<Inbox>();
  const ConsumerPtr first = subscribe(t, one).value();
  const MessageId a = publish(t, "a");
  const MessageId b = publish(t, "b");
  expect_next(*one, "a");
  expect_next(*one, "b");
  ASSERT_TRUE(acknowledge(first, a.entry));
  const ConsumerPtr second = subscribe(t, two).value();
  ASSERT_TRUE(seek(second, a));
  EXPECT_TRUE(one->heard({"seek"}));
  EXPECT_TRUE(two->heard({"seek"}));
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 2U);
  while (one->size() + two->size() < 2) std::this_thread::yield();
  reopen();
  EXPECT_EQ(stats(topic()).subscriptions.front().backlog, 2U);
  static_cast<void>(b);
}

TEST_F(SubscriptionTest, AnAcknowledgementFromBeforeASeekIsOverruledByIt) {
  const TopicPtr t = topic();
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox, SubscriptionType::exclusive).value();
  const MessageId a = publish(t, "a");
  expect_next(*inbox, "a");
  // Both are on their way before either is answered.
  std::promise<Result<>> acknowledged;
  std::promise<Result<>> moved;
  consumer->acknowledge({.entries = {a.entry}},
                        [&](Result<> result) { acknowledged.set_value(std::move(result)); });
  consumer->seek(a, [&](Result<> result) { moved.set_value(std::move(result)); });
  EXPECT_TRUE(acknowledged.get_future().get());
  EXPECT_TRUE(moved.get_future().get());
  expect_next(*inbox, "a");
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 1U);
}

TEST_F(SubscriptionTest, AnAcknowledgementThatComesWhileASeekIsUnderWaySettlesNothing) {
  const TopicPtr t = topic();
  auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox, SubscriptionType::exclusive).value();
  for (const char* text : {"a", "b"}) publish(t, text);
  expect_next(*inbox, "a");
  const EntryId b = expect_next(*inbox, "b").entry.header.entry;
  std::promise<Result<>> moved;
  std::promise<Result<>> acknowledged;
  // From a turn of the core, so that both are in its queue before the journal can answer.
  broker_->stats(t, [&](const Result<TopicStats>&) {
    consumer->seek(InitialPosition::earliest, [&](Result<> result) { moved.set_value(std::move(result)); });
    consumer->acknowledge({.entries = {}, .batches = {}, .up_to = b},
                          [&](Result<> result) { acknowledged.set_value(std::move(result)); });
  });
  EXPECT_TRUE(moved.get_future().get());
  EXPECT_EQ(acknowledged.get_future().get().error().code, ErrorCode::conflict);
  expect_next(*inbox, "a");
  expect_next(*inbox, "b");
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 2U);
}

TEST_F(SubscriptionTest, ASearchByTimeThatCannotReadMovesNothing) {
  RefusingFiles files;
  options_.files = &files;
  options_.memory_table_bytes = 64 << 10;
  reopen();
  {
    const TopicPtr t = topic();
    ASSERT_TRUE(wait_for<void>([&](auto done) {
      broker_->set_retention(t, {.time = std::nullopt, .bytes = std::nullopt}, std::move(done));
    }));
    ASSERT_TRUE(wait_for<void>([&](auto done) {
      broker_->create_subscription(t, "s", InitialPosition::earliest, std::move(done));
    }));
    // With a second one nothing of the first is in memory any more.
    while (broker_->broker_stats().log.segments < 2) publish(t, std::string(8 << 10, 'x'));
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip_all(t, "s", std::move(done)); }));
    files.refuse_reading = true;
    EXPECT_FALSE(wait_for<void>([&](auto done) { broker_->seek(t, "s", Timestamp{}, std::move(done)); }));
    EXPECT_FALSE(wait_for<void>([&](auto done) { broker_->expire(t, "s", Timestamp{}, std::move(done)); }));
    EXPECT_EQ(stats(t).subscriptions.front().backlog, 0U);
    files.refuse_reading = false;
  }
  broker_.reset();  // before its files
}

TEST_F(SubscriptionTest, ASkipCountsFromWhereASeekOrSkipBeforeItLeads) {
  const TopicPtr t = topic();
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_retention(t, {.time = std::nullopt, .bytes = std::nullopt}, std::move(done));
  }));
  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->create_subscription(t, "s", InitialPosition::earliest, std::move(done)); }));
  for (const char* text : {"a", "b", "c", "d", "e", "f"}) publish(t, text);
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip_all(t, "s", std::move(done)); }));
  std::promise<Result<>> answers[4];
  const auto answer = [&](int number) {
    return [&answers, number](Result<> result) { answers[number].set_value(std::move(result)); };
  };
  // From a turn of the core, so that all are in its queue before the journal can answer the first.
  broker_->stats(t, [&](const Result<TopicStats>&) {
    broker_->seek(t, "s", InitialPosition::earliest, answer(0));
    broker_->skip(t, "s", 1, answer(1));
    broker_->skip(t, "s", 0, answer(2));
    broker_->skip(t, "s", 2, answer(3));
  });
  for (auto& each : answers) EXPECT_TRUE(each.get_future().get());
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 3U);
  reopen();
  EXPECT_EQ(stats(topic()).subscriptions.front().backlog, 3U);
}

TEST_F(SubscriptionTest, ASkipThatWaitsIsAnsweredWhenItsSubscriptionEnds) {
  const TopicPtr t = topic();
  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->create_subscription(t, "s", InitialPosition::earliest, std::move(done)); }));
  publish(t, "a");
  std::promise<Result<>> skipped;
  broker_->stats(t, [&](const Result<TopicStats>&) {
    broker_->seek(t, "s", InitialPosition::earliest, [](const Result<>&) {});
    broker_->skip(t, "s", 1, [&](Result<> result) { skipped.set_value(std::move(result)); });
    broker_->delete_topic("persistent://public/default/t", true, [](const Result<>&) {});
  });
  static_cast<void>(skipped.get_future().get());  // whichever came first; it must come
}

}  // namespace
}  // namespace geminga::broker
