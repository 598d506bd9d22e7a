#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <geminga/error.hpp>
#include <geminga/policies.hpp>

#include "storage/metadata.hpp"

namespace geminga::broker {

/// Since the broker was opened.
struct TopicCounters {
  std::uint64_t messages_in = 0, bytes_in = 0, messages_out = 0, bytes_out = 0;
  bool operator==(const TopicCounters&) const = default;
};
struct SubscriptionCounters {
  std::uint64_t messages_out = 0, bytes_out = 0, redelivered = 0;
};

/// What is true of a topic and does not stand in the log: with its name all that is kept of one that is not
/// loaded.
struct TopicRecord {
  struct Subscription {
    storage::SubscriptionRow row;
    SubscriptionCounters counters;
  };
  storage::TopicRow row;               ///< in a slot without the name, which is the slot's key
  std::unique_ptr<Policies> policies;  ///< its own; null: none are set, as mostly
  TopicCounters counters;
  std::vector<Subscription> subscriptions;
  std::unique_ptr<Error> compaction_failure;  ///< what became of the last one
  /// Sums over the subscriptions when the topic was unloaded; see BrokerStats.
  std::uint64_t backlog = 0, acknowledged_ranges = 0;

  /// Nothing of it has to be kept.
  [[nodiscard]] bool plain() const {
    storage::TopicRow bare;
    bare.id = row.id;
    return !policies && subscriptions.empty() && !compaction_failure && row == bare &&
           counters == TopicCounters{};
  }
};

/// Sums over the topics of a core that are not loaded.
struct UnloadedSums {
  std::uint64_t topics = 0, subscriptions = 0, backlog = 0, acknowledged_ranges = 0;

  /// A null record is a plain one.
  void add(const TopicRecord* record) { change(record, 1); }
  void subtract(const TopicRecord* record) { change(record, ~std::uint64_t{0}); }

 private:
  void change(const TopicRecord* record, std::uint64_t times) {
    topics += times;
    if (record == nullptr) return;
    subscriptions += times * record->subscriptions.size();
    backlog += times * record->backlog;
    acknowledged_ranges += times * record->acknowledged_ranges;
  }
};

}  // namespace geminga::broker
