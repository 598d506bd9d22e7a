#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>

namespace geminga {

/// How long a topic keeps what every subscription has acknowledged; nullopt fields: no limit of that kind.
/// Default: nothing is kept.
struct RetentionPolicy {
  std::optional<std::chrono::seconds> time = std::chrono::seconds{0};
  std::optional<std::uint64_t> bytes = 0;
  bool operator==(const RetentionPolicy&) const = default;
};

/// What happens to a topic whose backlog is over its quota.
enum class BacklogAction : std::uint8_t {
  producer_request_hold,      ///< sends wait until the backlog is smaller, or for their time-out
  producer_exception,         ///< sends fail with backlog_quota_exceeded
  consumer_backlog_eviction,  ///< the oldest unacknowledged messages count as acknowledged
};

/// What exclusive and failover subscriptions do with a message that has a time of delivery.
enum class DelayOnOrdered : std::uint8_t {
  deliver,  ///< it comes at once, in order, as in Pulsar
  hold,     ///< it comes at its time, and later messages overtake it, as on the other types
};

/// What a new version of a topic's schema may change; Pulsar's strategies. Changes are not compared with what
/// was before yet: of a schema that says something else than all before it only always_compatible makes a new
/// version, all others refuse it.
enum class SchemaCompatibility : std::uint8_t {
  always_incompatible,
  always_compatible,
  backward,
  forward,
  full,
  backward_transitive,
  forward_transitive,
  full_transitive,
};

/// When a publish is answered. Whatever is chosen, nothing is delivered or read before it is on the disk.
struct Durability {
  /// 0 ("sync"): when the message is on the disk. Else ("async(N)", 1 to 60,000 ms): as soon as it has its
  /// id; it is written at most so long after that, and a crash or a failing disk may take what was not. Its
  /// id is not given to another message then. What is published together with an acknowledgement (a forward)
  /// or with a message to a sync topic is on the disk when it is answered.
  std::chrono::milliseconds async_within{0};
  auto operator<=>(const Durability&) const = default;  ///< the greater, the weaker
};

/// Limits of a namespace's topics, or of one topic. A field that is not set is decided by the namespace, and
/// where that does not set it either, there is no limit. 0 says "no limit" where the namespace has one.
/// Times follow the wall clock: a jump forward makes messages older.
struct Policies {
  /// Older messages count as acknowledged on every subscription, whoever has them and also where they are
  /// held until their time.
  std::optional<std::chrono::seconds> message_ttl;
  /// Of the subscription that is furthest behind: what is stored from its oldest unacknowledged message on,
  /// and the age of that one. Looked at once a second.
  std::optional<std::uint64_t> backlog_bytes;
  std::optional<std::chrono::seconds> backlog_age;
  std::optional<BacklogAction> backlog_action;  ///< not set: producer_request_hold
  /// A topic without subscriptions on which nobody was connected and nothing was published for so long is
  /// deleted, but not before the time of its retention is over.
  std::optional<std::chrono::seconds> inactive_after;
  /// So much is stored behind the topic's last compaction (or was never compacted): it is compacted by
  /// itself, and by itself again a minute after it failed. Looked at once a second. See Admin::compact_topic.
  std::optional<std::uint64_t> compaction_threshold_bytes;
  // A second of the rate may be used at once; the sends of producers that are over it, or over the quota,
  // wait. What is published together with something else (Bus::publish, a forward) is one record that cannot
  // wait: it is refused with a retryable error.
  std::optional<std::uint64_t> publish_messages_per_second;
  std::optional<std::uint64_t> publish_bytes_per_second;
  std::optional<std::uint64_t> dispatch_messages_per_second;  ///< of the topic, to all its subscriptions
  std::optional<std::uint64_t> dispatch_bytes_per_second;
  /// For subscriptions that do not say it themselves by their property `geminga.delay`; those of a Bus do.
  /// Not set: deliver. What is held already stays so until its time.
  std::optional<DelayOnOrdered> delay_on_ordered;
  // Those that are there already stay.
  std::optional<std::uint32_t> max_producers;
  std::optional<std::uint32_t> max_consumers;  ///< on all subscriptions of the topic together
  std::optional<std::uint32_t> max_subscriptions;
  std::optional<Durability> durability;                     ///< not set: sync
  std::optional<SchemaCompatibility> schema_compatibility;  ///< not set: full
  /// Producers and consumers that bring a schema may add it to the topic's, where schema_compatibility lets
  /// them; else only who manages the topic may. Not set: true.
  std::optional<bool> schema_auto_update;
  /// To a topic that has a schema nobody may publish without one. Not set: false.
  std::optional<bool> schema_validation_enforced;
  /// What a client of Pulsar's protocol numbers is stored once for the name of its producer, as for a Bus it
  /// always is where the application numbers its messages. Not set: false.
  std::optional<bool> deduplication;
  bool operator==(const Policies&) const = default;
};

}  // namespace geminga
