// What expires and is trimmed, against a clock that the test moves.

#include "base/log.hpp"
#include "broker/policies_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::Inbox;
using testing::wait_for;

class ExpiryTest : public testing::PoliciesTest {};

TEST_F(ExpiryTest, OldMessagesExpireForEverySubscriptionAndStayExpired) {
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

TEST_F(ExpiryTest, ExpiryLeavesWhatIsAcknowledgedAloneAndTakesWhatIsDelayed) {
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

TEST_F(ExpiryTest, AnExpiryBesideASeekTakesWhatIsOlderAndNothingElse) {
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

TEST_F(ExpiryTest, ATrimAnswersWhenItHasForgotten) {
  options_.trim_every = 1h;
  reopen();
  ASSERT_TRUE(subscription());
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_retention(topic_, {.time = 1h, .bytes = std::nullopt}, std::move(done));
  }));
  ASSERT_TRUE(publish(20));
  clock_.advance(2h);
  ASSERT_TRUE(publish(5));
  skip_all();
  std::promise<Result<TopicStats>> then;
  broker_->trim(topic_, [&](const Result<>& trimmed) {
    EXPECT_TRUE(trimmed);
    broker_->stats(topic_, [&](Result<TopicStats> stats) { then.set_value(std::move(stats)); });
  });
  EXPECT_EQ(then.get_future().get().value().stored_messages, 5U) << "it had to read how old they are first";
}

TEST_F(ExpiryTest, ATrimForgetsNothingThatASeekBesideItBroughtBack) {
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

TEST_F(ExpiryTest, ASeekToATimeThatATrimOvertakesGoesToWhatIsKept) {
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

TEST_F(ExpiryTest, WhatAWrongClockDatedIsSaidAndKeptUntilThen) {
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
