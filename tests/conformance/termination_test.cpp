#include <atomic>
#include <future>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

class TerminationConformance : public Conformance {
 protected:
  /// Terminates; false where the engine cannot, which is proven.
  bool terminated(const std::string& topic, std::optional<MessageId> last) {
    const auto ended = bus().admin().terminate_topic(topic);
    if (refused(Feature::topic_termination, ended)) return false;
    EXPECT_TRUE(ended) << ended.error().message;
    if (ended) {
      EXPECT_EQ(*ended, last);
    }
    return true;
  }
  static ErrorCode code_of(const auto& result) { return result ? ErrorCode::internal : result.error().code; }
  Result<std::vector<MessageId>> together(std::vector<TopicMessage> messages) {
    std::promise<Result<std::vector<MessageId>>> answer;
    bus().publish_async(std::move(messages),
                        [&](Result<std::vector<MessageId>> ids) { answer.set_value(std::move(ids)); });
    return answer.get_future().get();
  }
  Reader reader(const std::string& topic) {
    return bus().create_reader({.topic = topic, .start = InitialPosition::earliest}).value();
  }
  static void expect_end(Consumer& consumer) {
    EXPECT_EQ(code_of(consumer.receive(kDeadline)), ErrorCode::topic_terminated);
  }
};

TEST_F(TerminationConformance, NothingIsPublishedAfterwardsAlsoOverARestart) {
  const auto ids = publish("t", 3);
  auto sender = producer("t");
  if (!terminated("t", ids.back())) return;
  EXPECT_EQ(code_of(sender.send(body("late"))), ErrorCode::topic_terminated);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(code_of(bus().create_producer({.topic = "t"})), ErrorCode::topic_terminated);
    EXPECT_EQ(code_of(together({{"other", body("with it")}, {"t", body("late")}})),
              ErrorCode::topic_terminated);
    const TopicStats stats = bus().admin().stats("t").value();
    EXPECT_TRUE(stats.terminated);
    EXPECT_EQ(stats.stored_messages, 3U);
    EXPECT_TRUE(terminated("t", ids.back())) << "again: the same answer";
    if (round == 0) restart();
  }
  EXPECT_FALSE(bus().admin().stats("other").value().terminated);
  EXPECT_EQ(bus().admin().stats("other").value().stored_messages, 0U) << "together or not at all";
  EXPECT_EQ(code_of(bus().admin().terminate_topic("nowhere")), ErrorCode::topic_not_found);
}

TEST_F(TerminationConformance, AnEmptyTopicHasNoLastMessage) {
  ASSERT_TRUE(bus().admin().create_topic("t"));
  if (!terminated("t", std::nullopt)) return;
  auto receiver = consumer("t");
  expect_end(receiver);
}

TEST_F(TerminationConformance, ConsumersHearTheEndWhenAllIsAcknowledged) {
  const auto ids = publish("t", 3);
  auto options = Conformance::options("t", SubscriptionType::shared);
  std::atomic<int> told = 0;
  options.on_end_of_topic = [&] { ++told; };
  auto first = bus().subscribe(options).value();
  std::vector<Delivery> deliveries;
  deliveries.reserve(3);
  for (int i = 0; i < 3; ++i) deliveries.push_back(next(first));
  auto second = bus().subscribe(options).value();
  if (!terminated("t", ids.back())) return;
  EXPECT_TRUE(deliveries[0].ack());
  EXPECT_TRUE(deliveries[1].ack());
  expect_quiet(second);
  EXPECT_EQ(told.load(), 0) << "one is not acknowledged";
  EXPECT_TRUE(deliveries[2].ack());
  expect_end(first);
  expect_end(second);
  EXPECT_TRUE(eventually([&] { return told.load() == 2; }));
  restart();
  auto later = consumer("t");
  expect_end(later);
}

TEST_F(TerminationConformance, WhoHasEverythingHearsTheEndWhenItComes) {
  const auto ids = publish("t", 1);
  auto receiver = consumer("t");
  auto looker = reader("t");
  EXPECT_TRUE(looker.read(kDeadline));
  EXPECT_TRUE(next(receiver).ack());
  std::atomic<bool> told = false;
  auto options = Conformance::options("t", SubscriptionType::exclusive, "handled");
  options.on_end_of_topic = [&] { told = true; };
  const auto handler = bus().subscribe(options, [](Delivery&) -> Result<> { return {}; }).value();
  if (!terminated("t", ids.back())) return;
  expect_end(receiver);
  EXPECT_EQ(code_of(looker.read(kDeadline)), ErrorCode::topic_terminated);
  EXPECT_FALSE(looker.has_next().value());
  EXPECT_TRUE(eventually([&] { return told.load(); }));
}

TEST_F(TerminationConformance, WhatIsHeldUntilItsTimeComesBeforeTheEnd) {
  auto late = body("late");
  late.deliver_after = 500ms;
  const auto sent = producer("t").send(late);
  if (refused(Feature::delayed_delivery, sent)) return;
  auto receiver = consumer("t", SubscriptionType::shared);
  if (!terminated("t", *sent)) return;
  auto delivery = next(receiver);
  EXPECT_EQ(delivery->body, "late");
  EXPECT_TRUE(delivery.ack());
  expect_end(receiver);
}

TEST_F(TerminationConformance, ASeekBringsTheMessagesAndTheEndAgain) {
  const auto ids = publish("t", 2);
  ASSERT_TRUE(bus().admin().set_retention("t", {.time = 1h, .bytes = std::nullopt}));
  auto receiver = consumer("t");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(next(receiver).ack());
  if (!terminated("t", ids.back())) return;
  expect_end(receiver);
  if (refused(Feature::seek, receiver.seek(ids.back()))) return;
  auto delivery = next(receiver);
  EXPECT_EQ(delivery->body, "1");
  EXPECT_TRUE(delivery.ack());
  expect_end(receiver);
}

TEST_F(TerminationConformance, ADeletedTopicMayBeMadeAnew) {
  const auto ids = publish("t", 1);
  if (!terminated("t", ids.back())) return;
  ASSERT_TRUE(bus().admin().delete_topic("t", true));
  EXPECT_EQ(publish("t", 1).size(), 1U);
}

}  // namespace
}  // namespace geminga::conformance
