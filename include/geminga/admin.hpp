#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <geminga/export.hpp>
#include <geminga/message.hpp>
#include <geminga/policies.hpp>
#include <geminga/types.hpp>

namespace geminga {

/// What has been sent counts in messages (a batch has several) since the consumer connected.
struct ConsumerStats {
  std::string name;
  std::uint32_t priority = 0;
  bool active = true;         ///< false: on a failover subscription another consumer gets the messages
  std::int64_t permits = 0;   ///< messages that it has room for; a batch may take it below zero
  std::uint64_t unacked = 0;  ///< messages delivered to it and not settled
  bool blocked = false;       ///< its limit of unacknowledged messages is reached
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t redelivered = 0;
  std::vector<HashRange> hash_ranges;  ///< those it asked for
};

/// `backlog` and `delayed` count entries, a batch as one, as Pulsar does; the others count messages.
struct SubscriptionStats {
  std::string name;
  SubscriptionType type = SubscriptionType::exclusive;
  Properties properties;  ///< given when it was made; `geminga.delay` among them, see docs/bus.md
  bool durable = true;
  std::uint64_t backlog = 0;       ///< not acknowledged, delivered or not
  std::uint64_t unacked = 0;       ///< delivered and not settled
  std::uint64_t delayed = 0;       ///< held until their time
  std::uint64_t messages_out = 0;  ///< since the process started, like the next two
  std::uint64_t bytes_out = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t dropped = 0;  ///< of a non-persistent topic: for want of room at a consumer, or handed back
  std::uint32_t consumers = 0;
  std::vector<ConsumerStats> connected;  ///< one for each of them
  std::string dispatch_paused;           ///< empty, or which limit holds dispatch back
};

enum class CompactionState : std::uint8_t {
  idle,
  waiting,  ///< topics are compacted one after the other
  running,
  failed,  ///< the last one; what was compacted before is used as before
};

/// Of a topic's compaction, see Admin::compact_topic.
struct CompactionStats {
  CompactionState state = CompactionState::idle;
  std::optional<MessageId> horizon;  ///< the last message that is compacted; nothing: none is
  std::uint64_t messages = 0;        ///< that are left of all up to there
  std::uint64_t bytes = 0;           ///< and what they take on the disk, beside the topic
  std::uint32_t percent = 0;         ///< of the one that runs
  std::string failure;               ///< of the last one; empty: it did not fail
};

struct TopicStats {
  std::string topic;
  std::uint64_t messages_in = 0;  ///< since the process started
  std::uint64_t bytes_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t dropped =
      0;  ///< of a non-persistent topic: once for each subscription or reader without room
  std::uint64_t stored_messages = 0;  ///< a batch of another client counts as one
  std::uint64_t stored_bytes = 0;
  std::uint32_t producers = 0;
  std::optional<MessageId> last_message_id;
  std::string publish_paused;            ///< empty, or why sends are held or refused now
  std::optional<Durability> durability;  ///< in force now; nothing: the topic keeps nothing on a disk
  bool terminated = false;               ///< takes no more messages, for good
  CompactionStats compaction;
  std::vector<SubscriptionStats> subscriptions;
  /// Of a partitioned topic: how many; then all else is their sum (who is connected to several counts once),
  /// without last_message_id and
  /// horizon, and here is each one. Else 0 and empty.
  std::uint32_t partitions = 0;
  std::vector<TopicStats> per_partition;
};

struct PartitionedTopic {
  std::string topic;
  std::uint32_t partitions = 0;
};

/// Names, positions and statistics. Every change is durable when the call returns. Any thread; calls may
/// block.
class GEMINGA_API Admin {
 public:
  Result<> create_tenant(std::string_view tenant);
  Result<> create_namespace(std::string_view tenant_and_namespace);
  Result<std::vector<std::string>> tenants();
  Result<std::vector<std::string>> namespaces(std::string_view tenant);
  /// Full names ("persistent://tenant/namespace/topic"), sorted; first the non-persistent ones that are
  /// there.
  Result<std::vector<std::string>> topics(std::string_view tenant_and_namespace);
  Result<> create_topic(std::string_view topic);
  /// A partitioned topic goes with all its partitions, none of which goes alone. Errors: conflict (clients
  /// are connected, and not `force`).
  Result<> delete_topic(std::string_view topic, bool force = false);
  /// The topic takes no more messages, for good; returns the last one that it ever took. Its producers are
  /// closed, and who publishes gets topic_terminated. Consumers and readers go on, and hear the end of the
  /// topic: see Consumer::receive and Reader::read. On a topic that is terminated it changes nothing. Of a
  /// partitioned topic all partitions, and the last message of which says nothing.
  Result<std::optional<MessageId>> terminate_topic(std::string_view topic);
  /// Begins to compact a topic, in the background: of every key its last message is kept, or none where that
  /// one has an empty body; messages without a key are kept all. Consumers and readers with read_compacted
  /// get that for everything that was published before this call; others get what they always got. The topic
  /// itself is trimmed as before, but never beyond what is compacted. While one runs, another one follows it.
  /// How it goes is in TopicStats::compaction. Of a partitioned topic all partitions.
  Result<> compact_topic(std::string_view topic);
  /// Waits until no compaction of the topic runs or waits. Errors: timeout; those of the last one: too_large
  /// (more keys than the broker has memory for), disk_full.
  Result<> await_compaction(std::string_view topic, std::chrono::milliseconds timeout);
  /// A topic of 1 to 10,000 partitions; see Feature::partitioned_topics and docs/bus.md. Each is a topic
  /// "<topic>-partition-<number>", from 0 on, and may be used as such. The calls below act on all of them, as
  /// far as they say nothing else. Errors: already_exists.
  Result<> create_partitioned_topic(std::string_view topic, std::uint32_t partitions);
  /// To more partitions, while clients run. Failed, the same call goes on where it ended. Errors:
  /// invalid_argument (fewer), conflict (the topic has none), topic_not_found.
  Result<> update_partitioned_topic(std::string_view topic, std::uint32_t partitions);
  /// 0: there is no partitioned topic of that name.
  Result<std::uint32_t> partitions(std::string_view topic);
  /// Sorted. topics() has their partitions, not their names.
  Result<std::vector<PartitionedTopic>> partitioned_topics(std::string_view tenant_and_namespace);
  Result<> set_retention(std::string_view topic, RetentionPolicy policy);
  /// Replaces all that was set before. They act within a second.
  Result<> set_policies(std::string_view topic, const Policies& policies);
  Result<> set_namespace_policies(std::string_view tenant_and_namespace, const Policies& policies);
  /// What was set here; nothing of what the namespace says.
  Result<Policies> policies(std::string_view topic);
  Result<Policies> namespace_policies(std::string_view tenant_and_namespace);
  Result<> create_subscription(std::string_view topic, std::string_view subscription,
                               InitialPosition position);
  Result<> delete_subscription(std::string_view topic, std::string_view subscription);
  /// Moves the position past everything published before this call.
  Result<> skip_all(std::string_view topic, std::string_view subscription);
  /// Moves the position past the next `entries` that are not acknowledged, or to the end. What consumers hold
  /// stays with them. Not of a partitioned topic (invalid_argument): skip on one of its partitions.
  Result<> skip(std::string_view topic, std::string_view subscription, std::uint64_t entries);
  /// Moves the position past everything that was published before `before`.
  Result<> expire(std::string_view topic, std::string_view subscription, Timestamp before);
  /// Moves the position, forward or back; see Consumer::seek. Messages that are not kept any more do not
  /// come. Of a partitioned topic a message moves its own partition only.
  Result<> seek(std::string_view topic, std::string_view subscription, SeekTarget target);
  Result<TopicStats> stats(std::string_view topic);
  /// Looks at messages without consuming: at most `limit` from `after` (exclusive), oldest first; fewer where
  /// their bodies are large (it ends soon after 8 MiB). None: the topic has no more. Of a partitioned topic
  /// partition by partition.
  Result<std::vector<Message>> browse(std::string_view topic, std::optional<MessageId> after,
                                      std::uint32_t limit);

  class Impl;
  explicit Admin(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga
