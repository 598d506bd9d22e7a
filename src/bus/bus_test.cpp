#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "bus/fake_engine.hpp"

namespace geminga::bus {
namespace {

using namespace std::chrono_literals;

/// What only an engine that fails can show; what a working one does is in tests/conformance.
class BusTest : public ::testing::Test {
 protected:
  static bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  /// The oldest Done of a kind, once the bus has asked.
  template <class T>
  Done<T> wait_for(std::vector<Done<T>> testing::FakeState::* dones) {
    EXPECT_TRUE(
        eventually([&] { return state_->locked([&](auto& state) { return !(state.*dones).empty(); }); }));
    return state_->locked([&](auto& state) {
      Done<T> done = std::move((state.*dones).front());
      (state.*dones).erase((state.*dones).begin());
      return done;
    });
  }
  void deliver(std::uint64_t tag, std::uint32_t redelivery_count = 0) {
    EngineMessage message{.message = {}, .tag = tag, .bytes = 1};
    message.message.sequence_id = tag;
    message.message.redelivery_count = redelivery_count;
    std::vector<EngineMessage> one;
    one.push_back(std::move(message));
    state_->locked([](auto& state) { return state.sink; })->on_messages(std::move(one));
  }
  [[nodiscard]] bool returned(std::uint64_t tag) {
    return eventually([&] {
      return state_->locked([&](auto& state) { return state.negative == std::vector<std::uint64_t>{tag}; });
    });
  }
  static ConsumerOptions options() {
    ConsumerOptions options;
    options.topic = "t";
    options.subscription = "s";
    return options;
  }

  const std::shared_ptr<testing::FakeState> state_ = std::make_shared<testing::FakeState>();
  Bus bus_ = make_bus(std::make_unique<testing::FakeEngine>(state_), {});
};

TEST_F(BusTest, ASendWithoutAReceiptTimesOutAndALateReceiptIsNothing) {
  auto producer = bus_.create_producer({.topic = "t", .send_timeout = 50ms}).value();
  EXPECT_EQ(producer.send({}).error().code, ErrorCode::timeout);
  wait_for (&testing::FakeState::sends)(MessageId{});
}

TEST_F(BusTest, AnAsyncSendTimesOutToo) {
  auto producer = bus_.create_producer({.topic = "t", .send_timeout = 50ms}).value();
  std::atomic<int> timeouts = 0;
  for (int i = 0; i < 3; ++i)
    producer.send_async(
        {}, [&](const Result<MessageId>& id) { timeouts += id.error().code == ErrorCode::timeout ? 1 : 0; });
  EXPECT_TRUE(eventually([&] { return timeouts == 3; }));
}

TEST_F(BusTest, AProducerThatGoesAnswersWhatItOwes) {
  std::atomic<bool> closed = false;
  {
    auto producer = bus_.create_producer({.topic = "t"}).value();
    producer.send_async({},
                        [&](const Result<MessageId>& id) { closed = id.error().code == ErrorCode::closed; });
  }
  EXPECT_TRUE(eventually([&] { return closed.load(); }));
}

TEST_F(BusTest, ASenderThatWaitsForRoomHoldsUpNoOther) {
  auto producer = bus_.create_producer({.topic = "t", .max_pending_messages = 1}).value();
  producer.send_async({}, [](const Result<MessageId>&) {});
  std::atomic<int> sent = 0;
  std::vector<std::jthread> senders;
  for (int i = 0; i < 3; ++i) senders.emplace_back([&] { sent += producer.send({.body = "b"}) ? 1 : 0; });
  // Each answer makes room for the next, whoever that is.
  for (int i = 0; i < 4; ++i) wait_for (&testing::FakeState::sends)(MessageId{});
  EXPECT_TRUE(eventually([&] { return sent == 3; }));
}

TEST_F(BusTest, WaitingForRoomEndsWithTheSendersOwnTimeOut) {
  auto producer =
      bus_.create_producer({.topic = "t", .send_timeout = 500ms, .max_pending_messages = 1}).value();
  std::atomic<int> timeouts = 0;
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::jthread> senders;
  for (int i = 0; i < 8; ++i)
    senders.emplace_back([&] {
      const auto id = producer.send({});
      timeouts += !id && id.error().code == ErrorCode::timeout ? 1 : 0;
    });
  senders.clear();
  EXPECT_EQ(timeouts, 8);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8 * 500ms);  // not one after the other
}

TEST_F(BusTest, AFailedAckMayBeTriedAgain) {
  auto consumer = bus_.subscribe(options()).value();
  deliver(7);
  auto delivery = consumer.receive(20s).value();
  std::atomic<int> answers = 0;
  delivery.ack_async([&](const Result<>& result) { answers += result ? 10 : 1; });
  wait_for (&testing::FakeState::acknowledgements)(fail(ErrorCode::disk_full, "no room"));
  EXPECT_TRUE(eventually([&] { return answers == 1; }));
  EXPECT_FALSE(delivery.settled());
  delivery.ack_async([&](const Result<>& result) { answers += result ? 10 : 1; });
  wait_for (&testing::FakeState::acknowledgements)({});
  EXPECT_TRUE(eventually([&] { return answers == 11; }));
}

TEST_F(BusTest, AHandledMessageThatCannotBeAcknowledgedComesAgain) {
  auto running = bus_.subscribe(options(), [](Delivery&) -> Result<> { return {}; }).value();
  deliver(7);
  wait_for (&testing::FakeState::acknowledgements)(fail(ErrorCode::overloaded, "later"));
  EXPECT_TRUE(returned(7));
}

TEST_F(BusTest, AFailedAsyncForwardHandsTheDeliveryBack) {
  auto consumer = bus_.subscribe(options()).value();
  deliver(7);
  std::atomic<bool> failed = false;
  bus_.forward_async(consumer.receive(20s).value(), {{"out", {}}},
                     [&](const Result<std::vector<MessageId>>& ids) { failed = !ids; });
  wait_for (&testing::FakeState::forwards)(fail(ErrorCode::overloaded, "later"));
  EXPECT_TRUE(returned(7));
  EXPECT_TRUE(eventually([&] { return failed.load(); }));
}

TEST_F(BusTest, AHandlersSuccessDoesNotAcknowledgeWhatItsForwardRefused) {
  auto running =
      bus_.subscribe(options(),
                     [this](Delivery& delivery) -> Result<> {
                       bus_.forward_async(delivery, {{"", {}}}, [](const Result<std::vector<MessageId>>&) {});
                       return {};
                     })
          .value();
  deliver(7);
  EXPECT_TRUE(returned(7));
  EXPECT_TRUE(state_->locked([](auto& state) { return state.acknowledgements.empty(); }));
}

TEST_F(BusTest, ADeadLetterThatCannotBeWrittenComesAgain) {
  auto with = options();
  with.dead_letter = DeadLetterPolicy{.max_redeliveries = 0, .topic = "dead"};
  auto consumer = bus_.subscribe(with).value();
  deliver(7);
  consumer.receive(20s).value().nack();
  wait_for (&testing::FakeState::forwards)(fail(ErrorCode::disk_full, "no room"));
  EXPECT_TRUE(returned(7));
}

TEST_F(BusTest, ADeadLetterThatCannotBeWrittenKeepsItsPlaceInItsKey) {
  auto with = options();
  with.orderly = true;
  with.negative_ack_delay = 1ms;
  with.dead_letter = DeadLetterPolicy{.max_redeliveries = 0, .topic = "dead"};
  std::mutex mutex;
  std::vector<std::uint64_t> handled;  // under mutex
  auto running =
      bus_.subscribe(with,
                     [&](Delivery& delivery) -> Result<> {
                       const std::lock_guard lock(mutex);
                       handled.push_back(delivery->sequence_id);
                       return delivery->sequence_id == 7 ? fail(ErrorCode::internal, "poison") : Result<>{};
                     })
          .value();
  deliver(7);
  deliver(8);
  wait_for (&testing::FakeState::forwards)(fail(ErrorCode::disk_full, "no room"));
  wait_for (&testing::FakeState::forwards)(std::vector<MessageId>(1));
  wait_for (&testing::FakeState::acknowledgements)({});
  const std::lock_guard lock(mutex);
  EXPECT_EQ(handled, (std::vector<std::uint64_t>{7, 7, 8}));
}

TEST_F(BusTest, WhatACallbackThrowsEndsInTheLog) {
  auto producer = bus_.create_producer({.topic = "t"}).value();
  std::atomic<bool> called = false;
  producer.send_async({}, [](const Result<MessageId>&) { throw std::runtime_error("mine"); });
  producer.send_async({}, [&](const Result<MessageId>&) { called = true; });
  wait_for (&testing::FakeState::sends)(MessageId{});
  wait_for (&testing::FakeState::sends)(MessageId{});
  EXPECT_TRUE(eventually([&] { return called.load(); }));
}

TEST_F(BusTest, AReceiveMayWaitForEver) {
  auto consumer = bus_.subscribe(options()).value();
  std::thread sender([this] { deliver(7); });
  EXPECT_TRUE(consumer.receive(std::chrono::milliseconds::max()));
  sender.join();
}

TEST_F(BusTest, WhatWasRedeliveredTooOftenNeverReachesTheApplication) {
  auto with = options();
  with.dead_letter = DeadLetterPolicy{.max_redeliveries = 2, .topic = "dead"};
  auto consumer = bus_.subscribe(with).value();
  deliver(7, 3);
  deliver(8, 2);
  EXPECT_EQ(consumer.receive(20s).value()->redelivery_count, 2U);
  wait_for (&testing::FakeState::forwards)(std::vector<MessageId>(1));
}

TEST_F(BusTest, AConsumerHearsWhyItsEngineEnded) {
  auto consumer = bus_.subscribe(options()).value();
  state_->sink->on_closed({ErrorCode::topic_offline, "damaged"});
  EXPECT_EQ(consumer.receive(20s).error().code, ErrorCode::topic_offline);
}

TEST_F(BusTest, TheLastHandleMayGoInsideACallback) {
  auto producer = std::make_shared<Producer>(bus_.create_producer({.topic = "t"}).value());
  std::atomic<bool> called = false;
  auto* raw = producer.get();
  auto bus = std::make_shared<Bus>(bus_);
  raw->send_async(
      {}, [&called, producer = std::move(producer), bus = std::move(bus)](const Result<MessageId>&) mutable {
        producer.reset();
        bus.reset();
        called = true;
      });
  bus_ = make_bus(std::make_unique<testing::FakeEngine>(std::make_shared<testing::FakeState>()), {});
  wait_for (&testing::FakeState::sends)(MessageId{});
  EXPECT_TRUE(eventually([&] { return called.load(); }));
}

}  // namespace
}  // namespace geminga::bus
