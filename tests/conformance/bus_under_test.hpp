#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <geminga/bus.hpp>

/// What every engine must show, written against the public Bus alone. An engine joins with a BusUnderTest of
/// its own. A capability that is there is proven; one that is impossible is proven to be refused with its
/// reason; nothing is skipped.
namespace geminga::conformance {

using namespace std::chrono_literals;

/// Long enough for a busy machine; a test that waits so long has failed.
inline constexpr std::chrono::milliseconds kDeadline{20'000};
/// How long a test listens before it believes that nothing comes.
inline constexpr std::chrono::milliseconds kQuiet{300};

class BusUnderTest {
 public:
  virtual ~BusUnderTest() = default;
  virtual Bus open() = 0;
  /// The engine that this process was built to test, on a place of its own.
  static std::unique_ptr<BusUnderTest> make();
};

class Conformance : public ::testing::Test {
 protected:
  Conformance() : place_(BusUnderTest::make()), bus_(place_->open()) {}
  ~Conformance() override { EXPECT_TRUE(bus_.close()); }

  [[nodiscard]] Bus& bus() { return bus_; }
  /// Everything made from the old bus is closed.
  void restart() {
    ASSERT_TRUE(bus_.close());
    bus_ = place_->open();
  }

  Producer producer(const std::string& topic) { return bus_.create_producer({.topic = topic}).value(); }
  Consumer consumer(const std::string& topic, SubscriptionType type = SubscriptionType::exclusive,
                    const std::string& subscription = "group") {
    return bus_.subscribe(options(topic, type, subscription)).value();
  }
  static ConsumerOptions options(const std::string& topic,
                                 SubscriptionType type = SubscriptionType::exclusive,
                                 const std::string& subscription = "group") {
    ConsumerOptions options;
    options.topic = topic;
    options.subscription = subscription;
    options.type = type;
    options.initial_position = InitialPosition::earliest;
    options.negative_ack_delay = 20ms;
    return options;
  }
  /// Sends bodies "0", "1", ...
  std::vector<MessageId> publish(const std::string& topic, int count, const std::string& key = "") {
    std::vector<OutgoingMessage> messages;
    for (int i = 0; i < count; ++i) messages.push_back(body(std::to_string(i), key));
    return producer(topic).send_batch(std::move(messages)).value();
  }
  static OutgoingMessage body(std::string text, std::string key = "") {
    OutgoingMessage message;
    message.body = std::move(text);
    message.key = std::move(key);
    return message;
  }
  static Delivery next(Consumer& consumer) {
    auto delivery = consumer.receive(kDeadline);
    EXPECT_TRUE(delivery) << delivery.error().message;
    return std::move(delivery).value();
  }
  static void expect_quiet(Consumer& consumer, std::chrono::milliseconds time = kQuiet) {
    const auto delivery = consumer.receive(time);
    ASSERT_FALSE(delivery) << "unexpected message: " << (*delivery)->body;
    EXPECT_EQ(delivery.error().code, ErrorCode::timeout);
  }
  /// True where the engine cannot do it; then `call`, which needs it, must have failed with the table's
  /// reason.
  template <class T>
  bool refused(Feature feature, const Result<T>& call) {
    const Capability& capability = bus_.capabilities().of(feature);
    if (capability.support != Support::impossible) return false;
    EXPECT_FALSE(call);
    if (!call) {
      EXPECT_EQ(call.error().code, ErrorCode::unsupported_by_engine);
      EXPECT_NE(call.error().message.find(capability.reason), std::string::npos) << call.error().message;
    }
    return true;
  }
  SubscriptionStats subscription_stats(const std::string& topic, const std::string& subscription = "group") {
    const TopicStats stats = bus_.admin().stats(topic).value();
    for (const SubscriptionStats& each : stats.subscriptions)
      if (each.name == subscription) return each;
    ADD_FAILURE() << "no statistics of " << subscription;
    return {};
  }

 private:
  std::unique_ptr<BusUnderTest> place_;
  Bus bus_;
};

/// Looks again and again, without a fixed sleep, until `holds` or the deadline.
template <class Condition>
bool eventually(Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace geminga::conformance
