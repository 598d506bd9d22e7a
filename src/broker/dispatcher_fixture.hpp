#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "broker/dispatcher.hpp"

namespace geminga::broker::testing {

/// A topic in memory, a dispatcher over it, and who got what.
class DispatcherTest : public ::testing::Test {
 protected:
  struct Got {
    ConsumerNumber consumer;
    std::uint64_t entry;
    std::uint32_t redeliveries;
    bool operator==(const Got&) const = default;
  };

  void make(SubscriptionType type, DispatcherOptions options = {}) {
    options.type = type;
    dispatcher_ = std::make_unique<Dispatcher>(options, storage::CursorState{},
                                               [this](ConsumerNumber to, Delivered delivered) {
                                                 got_.push_back({.consumer = to,
                                                                 .entry = delivered.entry.header.entry.value,
                                                                 .redeliveries = delivered.redelivery_count});
                                                 last_acknowledged_ = delivered.acknowledged;
                                               });
  }

  void publish(std::uint32_t hash = 0, std::chrono::milliseconds delay = {}, std::uint32_t messages = 1) {
    storage::Entry entry;
    entry.header.message_count = messages;
    entry.header.entry = EntryId{topic_.size()};
    entry.header.key_hash = hash;
    if (delay.count() > 0) entry.header.deliver_at = clock_.wall_now() + delay;
    topic_.push_back(entry);
  }

  [[nodiscard]] Now now() const { return {.wall = clock_.wall_now(), .monotonic = clock_.monotonic_now()}; }

  /// Reads and sends until nothing more can be sent; returns what went out.
  std::vector<Got> pump() {
    got_.clear();
    while (const auto want = dispatcher_->next_read(EntryId{topic_.size()}, now())) {
      const auto from = topic_.begin() + static_cast<std::ptrdiff_t>(want->from.value);
      const auto count = std::min<std::ptrdiff_t>(want->entries_max, topic_.end() - from);
      dispatcher_->feed(*want, {from, from + count}, now());
    }
    return got_;
  }

  void join(ConsumerNumber consumer, Recipient recipient = many()) {
    dispatcher_->add_consumer(consumer, std::move(recipient), now());
  }
  static Recipient many() { return {.messages = 1'000, .bytes = 1 << 30}; }

  std::optional<Settling> begin(ConsumerNumber consumer, std::vector<std::uint64_t> entries) {
    Acknowledgement what;
    for (const std::uint64_t entry : entries) what.entries.push_back(EntryId{entry});
    return dispatcher_->begin_acknowledge(consumer, what);
  }
  void acknowledge(ConsumerNumber consumer, std::uint64_t entry) {
    const auto settling = begin(consumer, {entry});
    ASSERT_TRUE(settling);
    dispatcher_->acknowledged(*settling);
  }
  /// False: refused.
  bool acknowledge_up_to(ConsumerNumber consumer, std::uint64_t last) {
    const auto settling =
        dispatcher_->begin_acknowledge(consumer, {.entries = {}, .batches = {}, .up_to = EntryId{last}});
    if (settling) dispatcher_->acknowledged(*settling);
    return settling.has_value();
  }
  std::optional<Settling> begin_batch(ConsumerNumber consumer, std::uint64_t entry, std::uint64_t bits) {
    return dispatcher_->begin_acknowledge(
        consumer, {.entries = {}, .batches = {{.entry = EntryId{entry}, .acknowledged = {bits}}}});
  }

  static constexpr Permits kMany{.messages = 1'000, .bytes = 1 << 30};
  base::ManualClock clock_;
  std::vector<storage::Entry> topic_;
  MemoryBudget little_{0, 4 * sizeof(Held)};  ///< memory for four delayed ones; outlives who has it
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<Got> got_;
  AckBits last_acknowledged_;
};

using Gots = std::vector<std::uint64_t>;

template <class T>
inline Gots entries_of(const std::vector<T>& got) {
  Gots entries;
  for (const auto& one : got) entries.push_back(one.entry);
  return entries;
}

}  // namespace geminga::broker::testing
