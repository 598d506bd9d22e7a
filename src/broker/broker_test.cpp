#include "broker/broker.hpp"

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/await.hpp"
#include "broker/raw_message.hpp"

namespace geminga::broker {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr Permits kMany{.messages = 1'000, .bytes = 1 << 30};

template <class T, class Start>
Result<T> wait_for(Start start) {
  return base::await<T>([&](auto callback) { start(Done<T>(std::move(callback))); }, kPatience, "the broker");
}

class Inbox final : public DeliverySink {
 public:
  void on_entries(std::vector<Delivered> entries) override {
    const std::lock_guard lock(mutex_);
    for (Delivered& entry : entries) entries_.push_back(std::move(entry));
    changed_.notify_all();
  }
  void on_closed(Error reason) override {
    const std::lock_guard lock(mutex_);
    closed_ = reason;
    changed_.notify_all();
  }
  Delivered next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !entries_.empty(); }))
      throw std::runtime_error("nothing came");
    Delivered first = std::move(entries_.front());
    entries_.pop_front();
    return first;
  }
  Error wait_closed() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return closed_.has_value(); }))
      throw std::runtime_error("not closed");
    return *closed_;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Delivered> entries_;
  std::optional<Error> closed_;
};

class BrokerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "geminga-broker-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    open();
  }
  void TearDown() override {
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open() {
    auto opened = Broker::open({.directory = directory_ / "data", .journal_file_bytes = 1 << 20});
    ASSERT_TRUE(opened) << opened.error().message;
    broker_ = std::move(*opened);
  }
  void reopen() {
    ASSERT_TRUE(broker_->close());
    broker_.reset();
    open();
  }
  TopicPtr topic(const std::string& name = "persistent://public/default/t") {
    return wait_for<TopicPtr>([&](auto done) { broker_->open_topic(name, true, std::move(done)); }).value();
  }
  MessageId publish(const TopicPtr& to, const std::string& body) {
    std::vector<Publication> one;
    one.push_back({.topic = to, .append = encode_raw({.body = body}, "", Timestamp{})});
    return wait_for<std::vector<MessageId>>(
               [&](auto done) { broker_->publish(std::move(one), std::move(done)); })
        .value()
        .front();
  }
  Result<ConsumerPtr> subscribe(const TopicPtr& to, std::shared_ptr<Inbox> inbox,
                                SubscriptionType type = SubscriptionType::shared) {
    const SubscribeOptions options{
        .subscription = "s", .type = type, .initial_position = InitialPosition::earliest, .permits = kMany};
    return wait_for<ConsumerPtr>([&](auto done) { broker_->subscribe(to, options, inbox, std::move(done)); });
  }
  static Result<> acknowledge(const ConsumerPtr& consumer, EntryId entry) {
    return wait_for<void>([&](auto done) { consumer->acknowledge({entry}, std::move(done)); });
  }
  TopicStats stats(const TopicPtr& of) {
    return wait_for<TopicStats>([&](auto done) { broker_->stats(of, std::move(done)); }).value();
  }
  static std::string body(const Delivered& delivered) { return decode_raw(delivered.entry).value().body; }

  std::filesystem::path directory_;
  std::unique_ptr<Broker> broker_;
};

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
