#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker_fixture.hpp"

namespace geminga::broker::testing {

using namespace std::chrono_literals;

class UnloadTest : public BrokerTest {
 protected:
  void SetUp() override {
    options_.trim_every = 1ms;
    options_.clock = &clock_;
    options_.cores = 2;
    BrokerTest::SetUp();
  }
  [[nodiscard]] std::uint64_t loaded() const { return broker_->broker_stats().topics_loaded; }
  /// Time passes until only these many topics are loaded.
  bool unloads(std::uint64_t left = 0) {
    return eventually([&] {
      clock_.advance(options_.unload_after);
      return loaded() == left;
    });
  }
  Result<> subscription(const TopicPtr& of, const std::string& name = "s") {
    return wait_for<void>([&](auto done) {
      broker_->create_subscription(of, name, InitialPosition::earliest, std::move(done));
    });
  }
  template <class Call>
  Result<> call(Call start) {
    return wait_for<void>(std::move(start));
  }
  ProducerPtr producer(RegisterOptions options = {}) {
    const TopicPtr to = topic();
    return wait_for<ProducerPtr>(
               [&](auto done) { broker_->create_producer(to, std::move(options), std::move(done)); })
        .value();
  }
  static Result<std::vector<MessageId>> send(const ProducerPtr& from, std::uint64_t sequence) {
    std::vector<storage::Append> one;
    one.push_back(encode_raw({.body = "x"}, "", Timestamp{}));
    one.back().flags = storage::EntryFlags::kDeduplicate;
    one.back().sequence = sequence;
    return wait_for<std::vector<MessageId>>(
        [&](auto done) { from->publish(std::move(one), std::move(done)); });
  }

  base::ManualClock clock_;
};

}  // namespace geminga::broker::testing
