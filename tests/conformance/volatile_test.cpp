#include <future>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

constexpr char kName[] = "non-persistent://public/default/t";

/// Non-persistent topics.
class VolatileConformance : public Conformance {
 protected:
  bool none() { return refused(Feature::non_persistent_topics, bus().create_producer({.topic = kName})); }
  Consumer connect(SubscriptionType type = SubscriptionType::exclusive, std::uint32_t queue = 1'000) {
    ConsumerOptions options = Conformance::options(kName, type);
    options.initial_position = InitialPosition::latest;
    options.receiver_queue_size = queue;
    return bus().subscribe(options).value();
  }
  /// Refused because nothing is kept.
  template <class T>
  static void expect_refused(const Result<T>& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument) << result.error().message;
    EXPECT_NE(result.error().message.find("non-persistent"), std::string::npos) << result.error().message;
  }
  Result<std::vector<MessageId>> together(std::vector<TopicMessage> messages) {
    std::promise<Result<std::vector<MessageId>>> answer;
    bus().publish_async(std::move(messages),
                        [&](Result<std::vector<MessageId>> ids) { answer.set_value(std::move(ids)); });
    return answer.get_future().get();
  }
};

TEST_F(VolatileConformance, WhoIsConnectedGetsWhatIsPublishedAndNobodyElseEver) {
  if (none()) return;
  auto sender = producer(kName);
  ASSERT_TRUE(sender.send(body("before")));
  auto receiver = connect();
  auto reader = bus().create_reader({.topic = kName}).value();
  ASSERT_TRUE(sender.send(body("now", "key")));
  auto delivery = next(receiver);
  EXPECT_EQ(delivery->body, "now");
  EXPECT_EQ(delivery->key, "key");
  EXPECT_EQ(delivery->topic, kName);
  EXPECT_TRUE(delivery.ack());
  EXPECT_EQ(reader.read(kDeadline).value().body, "now");
  ASSERT_TRUE(receiver.close());
  ASSERT_TRUE(sender.send(body("missed")));
  auto later = connect();
  ASSERT_TRUE(sender.send(body("last")));
  EXPECT_EQ(next(later)->body, "last");
}

TEST_F(VolatileConformance, WhatFindsNoRoomIsDroppedAndCounted) {
  if (none()) return;
  auto receiver = connect(SubscriptionType::shared, 2);
  auto sender = producer(kName);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(sender.send(body(std::to_string(i))));
  EXPECT_EQ(next(receiver)->body, "0");
  EXPECT_EQ(next(receiver)->body, "1");
  expect_quiet(receiver);
  const TopicStats stats = bus().admin().stats(kName).value();
  EXPECT_EQ(stats.dropped, 3U);
  EXPECT_EQ(stats.stored_messages, 0U);
  ASSERT_EQ(stats.subscriptions.size(), 1U);
  EXPECT_EQ(stats.subscriptions[0].dropped, 3U);
  EXPECT_FALSE(stats.subscriptions[0].durable);
}

TEST_F(VolatileConformance, HandlersAndForwardsWorkFromThere) {
  if (none()) return;
  auto target = consumer("target");
  ConsumerOptions options = Conformance::options(kName);
  options.initial_position = InitialPosition::latest;
  auto handled = bus().subscribe(options, [&](Delivery& delivery) -> Result<> {
    const auto sent = bus().forward(delivery, {{"target", body("seen " + delivery->body)}});
    return sent ? Result<>{} : std::unexpected(sent.error());
  });
  ASSERT_TRUE(handled);
  ASSERT_TRUE(together({{kName, body("x")}}));
  EXPECT_EQ(next(target)->body, "seen x");
  ASSERT_TRUE(handled->close());
}

TEST_F(VolatileConformance, WhatNeedsSomethingKeptIsRefused) {
  if (none()) return;
  auto admin = bus().admin();
  ASSERT_TRUE(admin.create_topic(kName));
  EXPECT_EQ(admin.topics("public/default").value(), std::vector<std::string>{kName});
  expect_refused(admin.create_subscription(kName, "s", InitialPosition::latest));
  expect_refused(admin.skip_all(kName, "s"));
  expect_refused(admin.skip(kName, "s", 1));
  expect_refused(admin.expire(kName, "s", Timestamp{}));
  expect_refused(admin.seek(kName, "s", InitialPosition::latest));
  expect_refused(admin.browse(kName, std::nullopt, 10));
  expect_refused(admin.set_retention(kName, {.time = 1h, .bytes = std::nullopt}));
  expect_refused(admin.set_policies(kName, {.max_producers = 1}));
  expect_refused(admin.terminate_topic(kName));
  auto receiver = connect();
  expect_refused(receiver.seek(InitialPosition::latest));
  expect_refused(bus().create_reader({.topic = kName, .start = InitialPosition::earliest}));
  expect_refused(bus().create_producer({.topic = kName, .access = ProducerAccess::exclusive}));
  auto options = Conformance::options(kName);
  expect_refused(bus().subscribe(options));
  options.initial_position = InitialPosition::latest;
  options.dead_letter = DeadLetterPolicy{};
  expect_refused(bus().subscribe(options));
  options.dead_letter.reset();
  options.ack_timeout = 1s;
  expect_refused(bus().subscribe(options));
  auto sender = producer(kName);
  auto delayed = body("x");
  delayed.deliver_after = 1s;
  expect_refused(sender.send(delayed));
  auto numbered = body("x");
  numbered.sequence_id = 1;
  expect_refused(sender.send(numbered));
  expect_refused(together({{"t", body("kept")}, {kName, body("not kept")}}));
  ASSERT_TRUE(receiver.close());
  ASSERT_TRUE(admin.delete_topic(kName, true));
  EXPECT_EQ(admin.stats(kName).error().code, ErrorCode::topic_not_found);
}

TEST_F(VolatileConformance, ARestartBringsNothingBack) {
  if (none()) return;
  ASSERT_TRUE(bus().admin().create_topic(kName));
  auto receiver = connect();
  restart();
  EXPECT_EQ(receiver.receive(kDeadline).error().code, ErrorCode::closed);
  EXPECT_EQ(bus().admin().stats(kName).error().code, ErrorCode::topic_not_found);
}

}  // namespace
}  // namespace geminga::conformance
