#pragma once

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker_fixture.hpp"

namespace geminga::broker::testing {

using namespace std::chrono_literals;

inline constexpr std::uint64_t kBudget = 1 << 20;
inline constexpr char kName[] = "persistent://public/default/t";

/// One topic under policies, and a clock that the test moves.
class PoliciesTest : public BrokerTest {
 protected:
  void SetUp() override {
    options_.publish_budget_bytes = kBudget;
    options_.trim_every = 5ms;
    options_.clock = &clock_;
    BrokerTest::SetUp();
    topic_ = topic(true).value();
  }
  void reopen() {
    topic_.reset();
    BrokerTest::reopen();
    topic_ = topic(true).value();
  }
  Result<TopicPtr> topic(bool create) {
    return wait_for<TopicPtr>([&](auto done) { broker_->open_topic(kName, create, std::move(done)); });
  }
  static storage::Append append(std::size_t bytes = 10) {
    return encode_raw({.body = std::string(bytes, 'x')}, "", Timestamp{});
  }
  /// As a forward does, without a producer.
  Result<std::vector<MessageId>> publish(std::size_t messages, std::size_t bytes = 10) {
    std::vector<Publication> publications;
    publications.reserve(messages);
    for (std::size_t i = 0; i < messages; ++i)
      publications.push_back({.topic = topic_, .append = append(bytes)});
    return wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(publications), std::move(done)); });
  }
  void look() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->trim(topic_, std::move(done)); }));
  }
  void set(Policies policies) {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->set_policies(topic_, policies, std::move(done)); }));
  }
  Result<> subscription(const std::string& name = "s") {
    return wait_for<void>([&](auto done) {
      broker_->create_subscription(topic_, name, InitialPosition::earliest, std::move(done));
    });
  }
  Result<ProducerPtr> producer(RegisterOptions options = {}) {
    return wait_for<ProducerPtr>(
        [&](auto done) { broker_->create_producer(topic_, std::move(options), std::move(done)); });
  }
  static std::future<Result<>> send(const ProducerPtr& from, std::size_t bytes = 10,
                                    std::optional<std::uint64_t> sequence = {}) {
    std::vector<storage::Append> one;
    one.push_back(append(bytes));
    if (sequence) {
      one.front().flags |= storage::EntryFlags::kDeduplicate;
      one.front().sequence = *sequence;
    }
    auto promise = std::make_shared<std::promise<Result<>>>();
    from->publish(std::move(one), [promise](const Result<std::vector<MessageId>>& ids) {
      promise->set_value(ids ? Result<>{} : std::unexpected(ids.error()));
    });
    return promise->get_future();
  }
  Result<ConsumerPtr> consume(std::shared_ptr<Inbox> inbox, const std::string& name = "s") {
    SubscribeOptions options = options_of(SubscriptionType::shared);
    options.subscription = name;
    return subscribe(topic_, std::move(inbox), options);
  }
  TopicStats stats() { return BrokerTest::stats(topic_); }
  std::uint64_t backlog() { return stats().subscriptions.at(0).backlog; }
  void skip_all() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip_all(topic_, "s", std::move(done)); }));
  }

  base::ManualClock clock_;
  TopicPtr topic_;
};

}  // namespace geminga::broker::testing
