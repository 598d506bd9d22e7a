#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/crc32c.hpp"
#include "broker/broker_fixture.hpp"

namespace geminga::broker::testing {

class SubscriptionTest : public BrokerTest {
 protected:
  EntryId publish_batch(const TopicPtr& to, std::uint32_t messages) {
    std::vector<Publication> one;
    one.push_back({.topic = to,
                   .append = {.message_count = messages,
                              .flags = storage::EntryFlags::kBatch,
                              .format = storage::PayloadFormat::pulsar,
                              .body = "batch",
                              .body_crc = base::crc32c("batch")}});
    return wait_for<std::vector<MessageId>>(
               [&](auto done) { broker_->publish(std::move(one), std::move(done)); })
        .value()
        .front()
        .entry;
  }
  static Result<> acknowledge_some(const ConsumerPtr& consumer, EntryId entry, std::uint64_t bits) {
    return acknowledge(consumer, {.entries = {}, .batches = {{.entry = entry, .acknowledged = {bits}}}});
  }
  static Result<> acknowledge_up_to(const ConsumerPtr& consumer, EntryId last) {
    return acknowledge(consumer, {.entries = {}, .batches = {}, .up_to = last});
  }
  static Result<> seek(const ConsumerPtr& consumer, SeekTarget target) {
    return wait_for<void>([&](auto done) { consumer->seek(target, std::move(done)); });
  }
  static Result<> close(const ConsumerPtr& consumer) {
    return wait_for<void>([&](auto done) { consumer->close(std::move(done)); });
  }
  static Delivered expect_next(Inbox& inbox, const std::string& expected) {
    Delivered delivered = inbox.next();
    EXPECT_EQ(body(delivered), expected);
    return delivered;
  }
};

}  // namespace geminga::broker::testing
