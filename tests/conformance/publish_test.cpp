#include <future>
#include <set>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

TEST_F(Conformance, SendThenReceive) {
  auto sender = producer("t");
  const auto id = sender.send(body("hello")).value();
  auto receiver = consumer("t");
  auto delivery = next(receiver);
  EXPECT_EQ(delivery->body, "hello");
  EXPECT_EQ(delivery->id, id);
  EXPECT_EQ(delivery->redelivery_count, 0U);
  EXPECT_TRUE(delivery.ack());
}

TEST_F(Conformance, AllFieldsRoundTrip) {
  auto sender = bus().create_producer({.topic = "t", .name = "me"}).value();
  OutgoingMessage message = body(std::string("\0\xff text", 7), "key");
  message.properties = {{"a", "1"}, {"empty", ""}, {"unicode", "\u00e4"}};
  message.event_time = Timestamp{std::chrono::milliseconds{1'234'567'890'123}};
  const auto before = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  sender.send(message).value();
  auto receiver = consumer("t");
  const auto delivery = next(receiver);
  EXPECT_EQ(delivery.message().body, message.body);
  EXPECT_EQ(delivery.message().key, "key");
  EXPECT_EQ(delivery.message().properties, message.properties);
  EXPECT_EQ(delivery.message().event_time, message.event_time);
  EXPECT_EQ(delivery.message().producer_name, "me");
  EXPECT_EQ(delivery.message().topic, "persistent://public/default/t");
  EXPECT_GE(delivery.message().publish_time, before - 1s);
  EXPECT_LE(delivery.message().publish_time, std::chrono::system_clock::now() + 1s);
}

TEST_F(Conformance, AnEmptyBodyIsAMessage) {
  producer("t").send({}).value();
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "");
}

TEST_F(Conformance, BatchKeepsItsOrderAndGivesEveryId) {
  const auto ids = publish("t", 500);
  ASSERT_EQ(ids.size(), 500U);
  EXPECT_EQ(std::set<MessageId>(ids.begin(), ids.end()).size(), 500U);
  auto receiver = consumer("t");
  for (int i = 0; i < 500; ++i) {
    const auto delivery = next(receiver);
    ASSERT_EQ(delivery.message().body, std::to_string(i));
    ASSERT_EQ(delivery.message().id, ids[static_cast<std::size_t>(i)]);
  }
}

TEST_F(Conformance, AsyncSendCallsBackOnceEach) {
  auto sender = producer("t");
  std::atomic<int> answers = 0;
  for (int i = 0; i < 100; ++i)
    sender.send_async(body("x"), [&](const Result<MessageId>& id) {
      EXPECT_TRUE(id);
      ++answers;
    });
  ASSERT_TRUE(sender.close());
  EXPECT_TRUE(eventually([&] { return answers == 100; }));
}

TEST_F(Conformance, ACallbackMayCloseItsProducer) {
  auto sender = producer("t");
  std::promise<Result<>> closed;
  sender.send_async(body("x"), [&](const Result<MessageId>&) { closed.set_value(sender.close()); });
  auto result = closed.get_future();
  ASSERT_EQ(result.wait_for(kDeadline), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

TEST_F(Conformance, AClosedProducerRefuses) {
  auto sender = producer("t");
  EXPECT_TRUE(sender.close());
  EXPECT_TRUE(sender.close());
  EXPECT_EQ(sender.send(body("x")).error().code, ErrorCode::closed);
}

TEST_F(Conformance, FiveMebibytesFitAndOneByteMoreDoesNot) {
  auto sender = producer("t");
  const std::string big(5UL << 20, 'x');
  ASSERT_TRUE(sender.send(body(big)));
  EXPECT_EQ(sender.send(body(big + "x")).error().code, ErrorCode::too_large);
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, big);
  expect_quiet(receiver);
}

TEST_F(Conformance, AFullQueueFailsWhereAsked) {
  ProducerOptions options;
  options.topic = "t";
  options.block_if_full = false;
  options.max_pending_messages = 1;
  auto sender = bus().create_producer(options).value();
  std::atomic<int> full = 0;
  std::atomic<int> answers = 0;
  for (int i = 0; i < 1'000; ++i)
    sender.send_async(body(std::string(4'096, 'x')), [&](const Result<MessageId>& id) {
      if (!id && id.error().code == ErrorCode::queue_full) ++full;
      ++answers;
    });
  EXPECT_TRUE(eventually([&] { return answers == 1'000; }));
  EXPECT_GT(full, 0);
}

TEST_F(Conformance, PublishToManyTopicsAtOnce) {
  std::promise<Result<std::vector<MessageId>>> done;
  bus().publish_async({{"a", body("1")}, {"b", body("2")}, {"a", body("3")}},
                      [&](Result<std::vector<MessageId>> ids) { done.set_value(std::move(ids)); });
  auto answer = done.get_future();
  ASSERT_EQ(answer.wait_for(kDeadline), std::future_status::ready);
  ASSERT_EQ(answer.get().value().size(), 3U);
  auto from_a = consumer("a");
  EXPECT_EQ(next(from_a)->body, "1");
  EXPECT_EQ(next(from_a)->body, "3");
  auto from_b = consumer("b");
  EXPECT_EQ(next(from_b)->body, "2");
}

}  // namespace
}  // namespace geminga::conformance
