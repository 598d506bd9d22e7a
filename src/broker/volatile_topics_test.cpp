#include "broker/volatile_topics.hpp"

#include <thread>

#include "broker/broker_fixture.hpp"

namespace geminga::broker {
namespace {

using testing::Inbox;
using testing::kMany;
using testing::wait_for;

constexpr char kName[] = "non-persistent://public/default/t";

class VolatileTopicsTest : public testing::BrokerTest {
 protected:
  VolatileTopics& topics() { return broker_->volatile_topics(); }
  static SubscribeOptions options(SubscriptionType type, std::uint32_t permits = 1'000) {
    return {.subscription = "s", .type = type, .permits = {.messages = permits, .bytes = 1 << 30}};
  }
  ConsumerPtr consume(std::shared_ptr<Inbox> inbox, const SubscribeOptions& options) {
    return topics().subscribe(kName, options, std::move(inbox)).value();
  }
  static std::vector<storage::Append> append(const std::string& text, const std::string& key = "") {
    std::vector<storage::Append> one;
    one.push_back(encode_raw({.body = text, .key = key}, "", Timestamp{}));
    return one;
  }
  Result<std::vector<MessageId>> send(const std::string& text, const std::string& key = "") {
    return topics().publish_to(kName, append(text, key));
  }
  TopicStats stats() { return topics().stats(kName).value(); }
};

TEST_F(VolatileTopicsTest, GivesToWhoIsConnectedAndHasRoomAndCountsTheRest) {
  EXPECT_TRUE(send("nobody hears it"));
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox, options(SubscriptionType::exclusive, 2));
  for (const char* text : {"1", "2", "3", "4"}) ASSERT_TRUE(send(text));
  EXPECT_EQ(body(inbox->next()), "1");
  EXPECT_EQ(body(inbox->next()), "2");
  EXPECT_EQ(stats().dropped, 2U);
  consumer->flow({.messages = 1, .bytes = 1'000});
  ASSERT_TRUE(send("5"));
  EXPECT_EQ(body(inbox->next()), "5") << "what was dropped does not come again";
  const TopicStats now = stats();
  EXPECT_EQ(now.messages_in, 5U);
  EXPECT_EQ(now.messages_out, 3U);
  ASSERT_EQ(now.subscriptions.size(), 1U);
  EXPECT_EQ(now.subscriptions[0].dropped, 2U);
  EXPECT_FALSE(now.subscriptions[0].durable);
  EXPECT_EQ(broker_->broker_stats().log.records, 0U) << "the journal knows nothing of it";
}

TEST_F(VolatileTopicsTest, EverySubscriptionTypeChoosesAsTheDurableOneDoes) {
  auto one = std::make_shared<Inbox>();
  auto two = std::make_shared<Inbox>();
  {
    const auto first = consume(one, options(SubscriptionType::shared));
    const auto second = consume(two, options(SubscriptionType::shared));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(send("x"));
    EXPECT_EQ(one->size(), 2U);
    EXPECT_EQ(two->size(), 2U);
    EXPECT_EQ(topics().subscribe(kName, options(SubscriptionType::failover), two).error().code,
              ErrorCode::subscription_type_mismatch);
  }
  one = std::make_shared<Inbox>();
  two = std::make_shared<Inbox>();
  {
    auto first = consume(one, options(SubscriptionType::failover));
    const auto second = consume(two, options(SubscriptionType::failover));
    ASSERT_TRUE(send("x"));
    EXPECT_EQ(one->size(), 1U);
    first.reset();
    EXPECT_TRUE(two->heard({"inactive", "active"}));
    ASSERT_TRUE(send("x"));
    EXPECT_EQ(two->size(), 1U);
  }
  one = std::make_shared<Inbox>();
  two = std::make_shared<Inbox>();
  const auto first = consume(one, options(SubscriptionType::key_shared));
  const auto second = consume(two, options(SubscriptionType::key_shared));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(send("x", "the key"));
  EXPECT_EQ(std::max(one->size(), two->size()), 20U) << "a key has one consumer";
  EXPECT_EQ(std::min(one->size(), two->size()), 0U);
}

TEST_F(VolatileTopicsTest, AnExclusiveSubscriptionHasOneConsumerAndReadersHearAll) {
  auto inbox = std::make_shared<Inbox>();
  auto heard = std::make_shared<Inbox>();
  const auto consumer = consume(inbox, options(SubscriptionType::exclusive));
  EXPECT_EQ(topics().subscribe(kName, options(SubscriptionType::exclusive), inbox).error().code,
            ErrorCode::consumer_busy);
  const auto reader = topics().create_reader(kName, {}, kMany, heard).value();
  ASSERT_TRUE(send("x"));
  EXPECT_EQ(inbox->size(), 1U);
  EXPECT_EQ(heard->size(), 1U);
  EXPECT_EQ(stats().subscriptions.size(), 1U) << "a reader is no subscription";
}

TEST_F(VolatileTopicsTest, ATopicIsThereWhileSomebodyIs) {
  const auto there = [&] {
    return broker_->topics("public/default").value() == std::vector<std::string>{kName};
  };
  EXPECT_FALSE(there());
  auto producer = topics().create_producer(kName, {.name = "p"}).value();
  EXPECT_TRUE(there());
  EXPECT_EQ(topics().create_producer(kName, {.name = "p"}).error().code, ErrorCode::producer_busy);
  EXPECT_EQ(topics().remove(kName, false).error().code, ErrorCode::conflict);
  producer.reset();
  EXPECT_FALSE(there());
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->create_topic(kName, std::move(done)); }));
  EXPECT_EQ(topics().create(kName).error().code, ErrorCode::already_exists);
  producer = topics().create_producer(kName, {}).value();
  producer.reset();
  EXPECT_TRUE(there()) << "it was created, so it stays";
  reopen();
  EXPECT_FALSE(there()) << "over no restart";
}

TEST_F(VolatileTopicsTest, DeletionAndTheEndOfTheBrokerAreHeard) {
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox, options(SubscriptionType::shared));
  const auto producer = topics().create_producer(kName, {}).value();
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->delete_topic(kName, true, std::move(done)); }));
  EXPECT_EQ(inbox->wait_closed().code, ErrorCode::topic_not_found);
  EXPECT_EQ(
      wait_for<std::vector<MessageId>>([&](auto done) { producer->publish(append("x"), std::move(done)); })
          .error()
          .code,
      ErrorCode::topic_not_found);
  auto other = std::make_shared<Inbox>();
  const auto again = consume(other, options(SubscriptionType::shared));
  ASSERT_TRUE(broker_->close());
  EXPECT_EQ(other->wait_closed().code, ErrorCode::closed);
  EXPECT_EQ(topics().create_producer(kName, {}).error().code, ErrorCode::closed);
}

TEST_F(VolatileTopicsTest, WhatNeedsSomethingKeptIsRefusedWithTheReason) {
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox, options(SubscriptionType::shared));
  const auto refused = [](const auto& result) {
    return !result && result.error().code == ErrorCode::invalid_argument &&
           result.error().message.find("non-persistent") != std::string::npos;
  };
  EXPECT_TRUE(
      refused(wait_for<TopicPtr>([&](auto done) { broker_->open_topic(kName, true, std::move(done)); })));
  EXPECT_TRUE(refused(
      wait_for<void>([&](auto done) { consumer->seek(InitialPosition::earliest, std::move(done)); })));
  auto earliest = options(SubscriptionType::shared);
  earliest.initial_position = InitialPosition::earliest;
  EXPECT_TRUE(refused(topics().subscribe(kName, earliest, inbox)));
  EXPECT_TRUE(refused(topics().create_reader(kName, {.position = MessageId{}}, kMany, inbox)));
  EXPECT_TRUE(refused(topics().create_producer(kName, {.access = ProducerAccess::exclusive})));
  auto delayed = append("x");
  delayed[0].deliver_at = Timestamp{};
  EXPECT_TRUE(refused(topics().publish_to(kName, std::move(delayed))));
  auto numbered = append("x");
  numbered[0].flags |= storage::EntryFlags::kDeduplicate;
  EXPECT_TRUE(refused(topics().publish_to(kName, std::move(numbered))));
}

TEST_F(VolatileTopicsTest, AForwardFromThereIsStoredAndWhatIsHandedBackIsCounted) {
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox, options(SubscriptionType::shared));
  ASSERT_TRUE(send("x"));
  const TopicPtr target = topic();
  std::vector<Publication> one;
  one.push_back({.topic = target, .append = append("forwarded").front()});
  EXPECT_TRUE(wait_for<std::vector<MessageId>>(
      [&](auto done) { consumer->forward(EntryId{0}, std::move(one), std::move(done)); }));
  EXPECT_EQ(BrokerTest::stats(target).stored_messages, 1U);
  consumer->redeliver({EntryId{0}}, {}, true);
  EXPECT_EQ(stats().dropped, 1U);
  EXPECT_EQ(inbox->size(), 1U);
}

TEST_F(VolatileTopicsTest, ManyThreadsMayUseIt) {
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = consume(inbox, options(SubscriptionType::shared, 100'000));
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        const auto producer = topics().create_producer(kName, {}).value();
        const auto reader = topics().create_reader(kName, {}, kMany, std::make_shared<Inbox>()).value();
        EXPECT_TRUE(send("x"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inbox->size(), 800U);
  EXPECT_EQ(stats().producers, 0U);
}

}  // namespace
}  // namespace geminga::broker
