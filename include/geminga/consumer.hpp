#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/export.hpp>
#include <geminga/message.hpp>
#include <geminga/types.hpp>

namespace geminga {

/// Where a message goes that failed too often, and when.
struct DeadLetterPolicy {
  std::uint32_t max_redeliveries =
      3;              ///< after the first delivery and this many redeliveries it is dead-lettered
  std::string topic;  ///< empty: "<topic>-<subscription>-DLQ", Pulsar's name
};

/// Properties that a dead letter carries beside its own.
struct DeadLetterProperty {
  static constexpr std::string_view kReason = "REASON";  ///< the handler's error, or what else it was
  static constexpr std::string_view kTopic = "REAL_TOPIC";
  static constexpr std::string_view kSubscription = "REAL_SUBSCRIPTION";
  static constexpr std::string_view kMessageId = "ORIGIN_MESSAGE_ID";
  static constexpr std::string_view kRedeliveryCount = "RECONSUMETIMES";
};

struct ConsumerOptions {
  std::string topic;
  std::string subscription;  ///< the group
  SubscriptionType type = SubscriptionType::exclusive;
  InitialPosition initial_position = InitialPosition::latest;  ///< only where the subscription is new
  std::string name;
  /// Lower comes first. Shared: others get messages only while those above have no room. Failover: the lowest
  /// gets them all, of equals the one that subscribed first.
  std::uint32_t priority = 0;
  /// Key_Shared: the keys of exactly these hashes come here and to nobody else; keys that no consumer has
  /// asked for wait. Empty: all keys are split among the consumers. One subscription, one way.
  std::vector<HashRange> hash_ranges;
  /// What was compacted (Admin::compact_topic) comes as it was compacted: of a key its last message only,
  /// with the id it always had. What came since comes whole. Exclusive and failover, persistent topics; all
  /// consumers of a subscription do so or none.
  bool read_compacted = false;
  std::uint32_t receiver_queue_size = 1'000;
  std::chrono::milliseconds negative_ack_delay{1'000};  ///< before a failed message comes again
  /// A message that the application holds unsettled for this long is redelivered; zero: never. The time in
  /// which a handler runs does not count.
  std::chrono::milliseconds ack_timeout{0};
  std::optional<DeadLetterPolicy> dead_letter;
  /// With a handler, not on a shared subscription: a failing message blocks its key (not the topic; messages
  /// without a key count as one key) until it succeeds or is dead-lettered.
  bool orderly = false;
  /// The topic was terminated and every message is acknowledged on the subscription; once, and again after a
  /// seek. On the callback thread of the bus.
  std::function<void()> on_end_of_topic;
  std::uint32_t handler_threads =
      1;  ///< with a handler: how many run at once (orderly: never two of one key)
};

/// A received message and the right to settle it, once: ack, nack or Bus::forward. Copies share that right;
/// any thread may settle. Dropped without settling, the message stays with the consumer until its time-out or
/// until the consumer closes.
class GEMINGA_API Delivery {
 public:
  [[nodiscard]] const Message& message() const;
  const Message* operator->() const { return &message(); }

  /// Returns when the acknowledgement is durable. Errors: closed, conflict (settled before), disk_error.
  Result<> ack();
  /// Acknowledges this message and every one before it in the topic that was delivered on this subscription.
  /// What is held until its time was not delivered and stays. Exclusive and failover only, and not on an
  /// orderly consumer. Returns when it is durable. Errors: as ack(), and invalid_argument.
  Result<> ack_cumulative();
  /// The callback comes once, on a thread of the bus, and must not block.
  void ack_async(std::move_only_function<void(Result<>)> callback);
  /// Comes again after `delay` (default: the consumer's negative_ack_delay) with a higher redelivery count.
  void nack(std::optional<std::chrono::milliseconds> delay = std::nullopt);
  /// In a handler: "I settle it later"; the handler's success then does not acknowledge.
  void defer();
  [[nodiscard]] bool settled() const;

  class Impl;
  explicit Delivery(std::shared_ptr<Impl> impl);

 private:
  friend class Bus;
  std::shared_ptr<Impl> impl_;
};

/// Success acknowledges; an error (or an exception, which becomes one) negatively acknowledges, with that
/// text as the reason. Runs on a pool of the bus, never under a lock; it may call anything, also close() of
/// its own consumer.
using Handler = std::function<Result<>(Delivery&)>;

/// Pull-style consumer, or the handle of a running handler loop. Any thread may call any member.
class GEMINGA_API Consumer {
 public:
  /// The next message. Errors: timeout (none came), closed, topic_terminated (there will be none: the topic
  /// was terminated and every message is acknowledged). Not for consumers with a handler (conflict).
  Result<Delivery> receive(std::chrono::milliseconds timeout);
  /// No new message is taken; handlers that run are waited for (not the one that calls this: its message is
  /// settled when it returns); unsettled messages go back. Idempotent. The destructor does the same.
  Result<> close();
  /// Moves the subscription, for all its consumers: what they hold is void (settling it says conflict), and
  /// messages come from there on, those that were acknowledged too. Returns when it is durable.
  Result<> seek(SeekTarget target);
  /// Removes the subscription itself and its position. Errors: conflict (other consumers are connected).
  Result<> unsubscribe();
  [[nodiscard]] const std::string& topic() const;
  [[nodiscard]] const std::string& subscription() const;

  class Impl;
  explicit Consumer(std::shared_ptr<Impl> impl);
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga
