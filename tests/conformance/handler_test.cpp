#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <stdexcept>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

TEST_F(Conformance, AHandlersSuccessAcknowledges) {
  publish("t", 50);
  std::atomic<int> seen = 0;
  auto running = bus()
                     .subscribe(options("t"),
                                [&](Delivery&) -> Result<> {
                                  ++seen;
                                  return {};
                                })
                     .value();
  EXPECT_TRUE(eventually([&] { return seen == 50 && subscription_stats("t").backlog == 0; }));
}

TEST_F(Conformance, AHandlersErrorsEndInTheDeadLettersWithTheReason) {
  OutgoingMessage message = body("poison", "k");
  message.properties = {{"own", "1"}};
  const auto id = producer("t").send(message).value();
  auto with = options("t");
  with.dead_letter = DeadLetterPolicy{.max_redeliveries = 2, .topic = ""};
  std::atomic<int> calls = 0;
  auto running = bus()
                     .subscribe(with,
                                [&](Delivery&) -> Result<> {
                                  ++calls;
                                  return fail(ErrorCode::handler_failed, "no such city");
                                })
                     .value();
  auto dead = consumer("t-group-DLQ");
  const auto letter = next(dead);
  EXPECT_EQ(calls, 3) << "the first delivery and two redeliveries";
  const Message& got = letter.message();
  EXPECT_EQ(got.body, "poison");
  EXPECT_EQ(got.key, "k");
  EXPECT_EQ(got.properties.at("own"), "1");
  EXPECT_EQ(got.properties.at(std::string(DeadLetterProperty::kReason)), "no such city");
  EXPECT_EQ(got.properties.at(std::string(DeadLetterProperty::kTopic)), "persistent://public/default/t");
  EXPECT_EQ(got.properties.at(std::string(DeadLetterProperty::kMessageId)), id.to_string());
  EXPECT_EQ(got.properties.at(std::string(DeadLetterProperty::kRedeliveryCount)), "2");
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").backlog == 0; }));
  expect_quiet(dead);
}

TEST_F(Conformance, AnExceptionIsAnErrorOfTheHandler) {
  publish("t", 1);
  auto with = options("t");
  with.dead_letter = DeadLetterPolicy{.max_redeliveries = 0, .topic = "dead"};
  auto running =
      bus().subscribe(with, [&](Delivery&) -> Result<> { throw std::runtime_error("boom"); }).value();
  auto dead = consumer("dead");
  EXPECT_TRUE(next(dead)->properties.at(std::string(DeadLetterProperty::kReason)).contains("boom"));
}

TEST_F(Conformance, APulledPoisonIsDeadLetteredToo) {
  publish("t", 1);
  auto with = options("t");
  with.dead_letter = DeadLetterPolicy{.max_redeliveries = 1, .topic = "dead"};
  auto receiver = bus().subscribe(with).value();
  next(receiver).nack(0ms);
  next(receiver).nack(0ms);
  auto dead = consumer("dead");
  EXPECT_EQ(next(dead)->body, "0");
  expect_quiet(receiver);
}

TEST_F(Conformance, ADeferredDeliveryIsSettledLater) {
  publish("t", 1);
  std::promise<Delivery> handed;
  auto running = bus()
                     .subscribe(options("t"),
                                [&](Delivery& delivery) -> Result<> {
                                  delivery.defer();
                                  handed.set_value(delivery);
                                  return {};
                                })
                     .value();
  auto future = handed.get_future();
  ASSERT_EQ(future.wait_for(kDeadline), std::future_status::ready);
  auto delivery = future.get();
  EXPECT_EQ(subscription_stats("t").backlog, 1U);
  EXPECT_TRUE(delivery.ack());
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Conformance, AHandlerLongerThanTheAckTimeoutRunsOnce) {
  publish("t", 1);
  auto with = options("t");
  with.ack_timeout = 100ms;
  std::atomic<int> calls = 0;
  std::promise<void> over;
  const auto never = over.get_future().share();
  auto running = bus()
                     .subscribe(with,
                                [&](Delivery&) -> Result<> {
                                  ++calls;
                                  never.wait_for(500ms);
                                  return {};
                                })
                     .value();
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").backlog == 0; }));
  EXPECT_EQ(calls, 1);
}

TEST_F(Conformance, HandlersRunSideBySideWhereAsked) {
  publish("t", 3);
  auto with = options("t");
  with.handler_threads = 3;
  auto all_in = std::make_shared<std::latch>(3);
  std::atomic<int> done = 0;
  auto running = bus()
                     .subscribe(with,
                                [&, all_in](Delivery&) -> Result<> {
                                  all_in->arrive_and_wait();
                                  ++done;
                                  return {};
                                })
                     .value();
  EXPECT_TRUE(eventually([&] { return done == 3; }));
}

TEST_F(Conformance, OrderlyBlocksTheKeyNotTheTopic) {
  auto sender = producer("t");
  for (const char* text : {"a1", "b1", "a2", "b2", "a3"})
    sender.send(body(text, std::string(1, text[0]))).value();
  auto with = options("t");
  with.orderly = true;
  with.handler_threads = 2;
  with.negative_ack_delay = 100ms;
  std::mutex mutex;
  std::vector<std::string> order;
  int failures = 0;
  auto running = bus()
                     .subscribe(with,
                                [&](Delivery& delivery) -> Result<> {
                                  const std::lock_guard lock(mutex);
                                  if (delivery->body == "a1" && failures < 2) {
                                    ++failures;
                                    return fail(ErrorCode::handler_failed, "not yet");
                                  }
                                  order.push_back(delivery->body);
                                  return {};
                                })
                     .value();
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return order.size() == 5;
  }));
  const std::vector<std::string> expected = {"b1", "b2", "a1", "a2", "a3"};
  EXPECT_EQ(order, expected);
}

TEST_F(Conformance, OrderlyIsRefusedWhereItCannotHold) {
  auto with = options("t", SubscriptionType::shared);
  with.orderly = true;
  const auto refused = bus().subscribe(with, [](Delivery&) -> Result<> { return {}; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
}

TEST_F(Conformance, AHandlerMayCloseItsConsumer) {
  publish("t", 1);
  std::optional<Consumer> running;
  std::promise<void> made;
  std::promise<Result<>> closed;
  const auto ready = made.get_future().share();
  running = bus()
                .subscribe(options("t"),
                           [&](Delivery&) -> Result<> {
                             ready.wait();
                             closed.set_value(running->close());
                             return {};
                           })
                .value();
  made.set_value();
  auto result = closed.get_future();
  ASSERT_EQ(result.wait_for(kDeadline), std::future_status::ready);
  EXPECT_TRUE(result.get());
  EXPECT_TRUE(eventually([&] { return subscription_stats("t").backlog == 0; }))
      << "its own message is settled";
  EXPECT_TRUE(running->close());
  running.reset();
}

TEST_F(Conformance, CloseWaitsForTheHandlerThatRuns) {
  publish("t", 1);
  std::promise<void> entered;
  std::promise<void> leave;
  const auto may_leave = leave.get_future().share();
  std::atomic<bool> left = false;
  auto running = bus()
                     .subscribe(options("t"),
                                [&](Delivery&) -> Result<> {
                                  entered.set_value();
                                  may_leave.wait();
                                  left = true;
                                  return {};
                                })
                     .value();
  ASSERT_EQ(entered.get_future().wait_for(kDeadline), std::future_status::ready);
  auto closing = std::async(std::launch::async, [&] { return running.close(); });
  EXPECT_EQ(closing.wait_for(100ms), std::future_status::timeout);
  leave.set_value();
  EXPECT_TRUE(closing.get());
  EXPECT_TRUE(left);
  EXPECT_EQ(subscription_stats("t").backlog, 0U);
}

TEST_F(Conformance, TheBusClosesWhatWasMadeFromIt) {
  auto sender = producer("t");
  auto receiver = consumer("t");
  auto waiting = std::async(std::launch::async, [&] { return receiver.receive(kDeadline); });
  ASSERT_TRUE(bus().close());
  EXPECT_TRUE(bus().close());
  ASSERT_EQ(waiting.wait_for(kDeadline), std::future_status::ready);
  EXPECT_EQ(waiting.get().error().code, ErrorCode::closed);
  EXPECT_EQ(sender.send(body("x")).error().code, ErrorCode::closed);
  EXPECT_EQ(bus().subscribe(options("t")).error().code, ErrorCode::closed);
}

TEST_F(Conformance, ForwardFromAHandlerSettles) {
  publish("in", 20);
  auto running = bus()
                     .subscribe(options("in"),
                                [&](Delivery& delivery) -> Result<> {
                                  const auto ids =
                                      bus().forward(delivery, {{"out", body("<" + delivery->body + ">")}});
                                  return ids ? Result<>{} : std::unexpected(ids.error());
                                })
                     .value();
  auto out = consumer("out");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(next(out)->body, "<" + std::to_string(i) + ">");
  expect_quiet(out);
}

}  // namespace
}  // namespace geminga::conformance
