#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <geminga/admin.hpp>
#include <geminga/error.hpp>
#include <geminga/message.hpp>
#include <geminga/producer.hpp>
#include <geminga/types.hpp>

#include "base/clock.hpp"
#include "broker/ack_bits.hpp"
#include "storage/entry.hpp"
#include "storage/log.hpp"

namespace geminga::base {
class FileSystem;
}

/// The core: topics, subscriptions, dispatch. No protocol and no socket; front doors and the embedded engine
/// translate.
///
/// Threads: a topic and all that hangs on it lives on one core (an event loop). Every call here may come from
/// any thread and never blocks, except where said. A Done is called exactly once, on a core, the journal or
/// the metadata thread; like a sink it must be short, must not block, and may call anything here that does
/// not block.
namespace geminga::broker {

template <class T>
using Done = std::move_only_function<void(Result<T>)>;

class SchemaRegistry;
class VolatileTopics;
class Topic;
using TopicPtr = std::shared_ptr<Topic>;

struct Delivered {
  storage::Entry entry;
  std::uint32_t redelivery_count = 0;
  /// A batch of which messages were acknowledged one by one: a bit each, set = acknowledged; they do not
  /// count against the permits. Empty: none.
  AckBits acknowledged;
};

/// Where the entries of a consumer or reader go. Called on the topic's core, in order; of a non-persistent
/// topic on the thread that publishes or connects, and there it must not call back.
class DeliverySink {
 public:
  virtual ~DeliverySink() = default;
  virtual void on_entries(std::vector<Delivered> entries) = 0;
  /// The subscription moves to another position: nothing that came until now is this consumer's any more.
  virtual void on_seek() {}
  /// Failover only; once after it connected and whenever it changes. When an active consumer becomes
  /// inactive, what it had not settled goes to the new one, uncounted.
  virtual void on_active_change(bool /*active*/) {}
  /// The topic was terminated and all of it is acknowledged (a reader: was read). Comes again after a seek.
  virtual void on_end_of_topic() {}
  /// Nothing comes any more: the topic was deleted, the broker stops, or the disk failed.
  virtual void on_closed(Error reason) = 0;
};

/// An entry for one topic; the ids are given by the log.
struct Publication {
  TopicPtr topic;
  storage::Append append;
};

/// What may be on its way to a consumer: dispatch stops when either is used up. One entry may go over the
/// bytes.
struct Permits {
  std::uint32_t messages = 0;
  std::uint64_t bytes = 0;
};

/// What an entry costs of Permits::bytes. Whoever takes entries gives back exactly this with flow().
[[nodiscard]] inline std::uint64_t permit_bytes(const storage::Entry& entry) {
  return entry.header.body_bytes + 256;
}

struct ReaderStart {
  /// earliest, latest, behind this id (with `inclusive`: at it), or at the first that was published then or
  /// later.
  SeekTarget position = InitialPosition::latest;
  bool inclusive = false;
  bool read_compacted = false;  ///< see SubscribeOptions
};

struct SubscribeOptions {
  std::string subscription;
  SubscriptionType type = SubscriptionType::exclusive;
  InitialPosition initial_position = InitialPosition::latest;  ///< where the subscription is new
  std::string consumer_name;                                   ///< empty: one is made
  Permits permits;                                             ///< at the start; more by Consumer::flow
  /// Lower is served first. Shared: others only while those above have no permits. Failover: the lowest is
  /// active.
  std::uint32_t priority = 0;
  /// Key_Shared: exactly these slots, from which nobody else gets a key (Pulsar's STICKY). Empty: the slots
  /// are split among the consumers (AUTO_SPLIT). All consumers of a subscription are of one kind.
  std::vector<HashRange> hash_ranges;
  /// An entry that is out with it for longer is taken back and comes again, counted as redelivered; zero:
  /// never.
  std::chrono::milliseconds ack_timeout{0};
  /// Of a new subscription, for good; what is there already keeps its own. See delay_choice.hpp.
  Properties properties;
  /// Exclusive and Failover: what lies before the horizon of the topic's last compaction comes from its view.
  /// All consumers of a subscription do so, or none.
  bool read_compacted = false;
  /// Set: a subscription that is kept in memory only, as Pulsar's that are not durable. It begins there when
  /// its first consumer comes, holds nothing back, and goes with the last one (after a seek, half a minute
  /// later). A durable one of that name is another one, which is refused.
  std::optional<ReaderStart> passing;
};

/// A batch entry of which some messages are acknowledged, said by those that are not: a bit each, set = not
/// acknowledged; missing words are 0. For who does not know how many it has.
struct BatchRest {
  EntryId entry;
  AckBits left;
};

/// What one call acknowledges; all parts together are one record.
struct Acknowledgement {
  std::vector<EntryId> entries;
  /// Some messages of batch entries. An entry is acknowledged when all its messages are.
  std::vector<storage::BatchAck> batches;
  /// Exclusive and Failover: everything up to this entry, included, that was delivered. What is held until
  /// its time stays.
  std::optional<EntryId> up_to;
  std::vector<BatchRest> rests;
  /// As Pulsar takes it: also what is settled, waits to come again, is out with another consumer, or was
  /// delivered before a restart and not since. All that is left of it is acknowledged.
  bool whoever = false;
};

/// What a client acknowledges by the ids that it was given: Acknowledgement::whoever, but that messages of
/// another topic of this name, which was deleted, and ids that were lost are nobody's and acknowledged
/// already.
struct IdAcknowledgement {
  struct One {
    MessageId id;
    std::optional<AckBits> left;  ///< of a batch: see BatchRest; nothing: all of it is acknowledged
  };
  std::vector<One> ids;
  /// Everything before each of them too.
  bool cumulative = false;
};

/// One consumer of a durable subscription. Its unsettled entries are named by their entry id.
class Consumer {
 public:
  virtual ~Consumer() = default;
  virtual void flow(Permits more) = 0;
  /// `done` after the acknowledgement is durable. Errors: conflict (an entry is not, or not any more, out
  /// with this consumer: nothing was acknowledged), invalid_argument (up_to on a subscription that is
  /// shared).
  virtual void acknowledge(Acknowledgement what, Done<void> done) = 0;
  /// Those of them that are out with this consumer, whatever the others are; `done` with the others, in
  /// order, after the rest is durable.
  virtual void acknowledge_each(std::vector<EntryId> entries, Done<std::vector<EntryId>> done) = 0;
  /// Errors: conflict (an id that was never given, messages of a batch that did not come again since a
  /// restart; nothing was acknowledged), invalid_argument (cumulative on a subscription that is shared).
  virtual void acknowledge_ids(IdAcknowledgement what, Done<void> done) = 0;
  /// They come again after `delay`, to anybody. `counts`: as a redelivery; else as if it had never been sent.
  virtual void redeliver(std::vector<EntryId> entries, std::chrono::milliseconds delay, bool counts) = 0;
  /// The same by ids, at once and counted; those of another topic of this name are passed over.
  virtual void redeliver_ids(std::vector<MessageId> ids) = 0;
  /// All that is out with it comes again at once, in order, counted as redelivered.
  virtual void redeliver_all() = 0;
  /// The subscription goes on at `target`, for all its consumers: see DeliverySink::on_seek. `done` when it
  /// is durable.
  virtual void seek(SeekTarget target, Done<void> done) = 0;
  /// The atomic step: publishes all and acknowledges, both or neither, in one journal record.
  virtual void forward(Acknowledgement what, std::vector<Publication> publications,
                       Done<std::vector<MessageId>> done) = 0;
  void forward(EntryId entry, std::vector<Publication> publications, Done<std::vector<MessageId>> done) {
    forward(Acknowledgement{.entries = {entry}}, std::move(publications), std::move(done));
  }
  /// It gets nothing more, whatever its permits; what is out with it stays out. After `done` nothing reaches
  /// the sink but on_closed().
  virtual void stop(Done<void> done) = 0;
  /// What is out with it goes back and counts as delivered once. After `done` nothing reaches the sink.
  virtual void close(Done<void> done) = 0;
  /// Removes the subscription and closes. Errors: conflict (other consumers are connected).
  virtual void unsubscribe(Done<void> done) = 0;
};
using ConsumerPtr = std::shared_ptr<Consumer>;

struct RegisterOptions {
  std::string name;  ///< empty: one is made up
  ProducerAccess access = ProducerAccess::shared;
  /// Of an exclusive producer that was here before: refused with producer_fenced when another one took over
  /// since.
  std::optional<std::uint64_t> epoch;
  /// While the backlog quota holds sends back it is refused with backlog_quota_waits: its client waits by
  /// itself. Else it may register, and its sends wait.
  bool waits_for_quota_itself = false;
  /// The topic is not free and the request waits (wait_for_exclusive), under this name. On the topic's core.
  std::function<void(const std::string& name)> on_waiting;
  /// Expired, nobody looks at the answer any more: the request does not wait any longer, and takes no epoch.
  std::optional<std::weak_ptr<const void>> wanted;
  /// Once, when it ends by anything but close(): fenced, topic deleted, broker closed. On the topic's core.
  std::function<void(const Error& reason)> on_closed;
};

/// A registered producer of one topic. Freed, it is closed.
class Producer {
 public:
  virtual ~Producer() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// Of an exclusive producer: rises with each one that the topic ever had. Durable.
  [[nodiscard]] virtual std::optional<std::uint64_t> epoch() const = 0;
  /// The highest durable sequence id of its name on this topic, of entries with EntryFlags::kDeduplicate.
  [[nodiscard]] virtual std::optional<std::uint64_t> last_sequence_id() const = 0;
  /// All entries or none, in one journal record; topic and producer are filled in. The order of calls is
  /// kept. A duplicate is answered with the id of the first, or kUnknownLedger and kUnknownEntry.
  virtual void publish(std::vector<storage::Append> entries, Done<std::vector<MessageId>> done) = 0;
  /// A policy of the topic paces what is published, call by call: who has several that belong not together
  /// gives them one by one.
  [[nodiscard]] virtual bool paced() const = 0;
  /// The policy of the topic: what a client numbers is to have EntryFlags::kDeduplicate. Any thread.
  [[nodiscard]] virtual bool deduplicates() const = 0;
  /// What was published before is answered as it would have been; what policies hold back, with `closed`.
  virtual void close(Done<void> done) = 0;
};
using ProducerPtr = std::shared_ptr<Producer>;

/// Reads without a subscription; holds nothing back.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual void flow(Permits more) = 0;
  /// Is there a durable entry behind `after` (behind the start, where nothing was read yet)?
  virtual void has_more(std::optional<EntryId> after, Done<bool> done) = 0;
  virtual void close(Done<void> done) = 0;
};
using ReaderPtr = std::shared_ptr<Reader>;

/// A compaction is about to begin with it.
enum class CompactionStep : std::uint8_t { note_keys, create_view, write_view, use_view };

struct BrokerOptions {
  std::filesystem::path directory;  ///< made if it is missing
  std::uint32_t cores = 1;
  std::uint64_t memory_table_bytes = 64ULL << 20;
  std::uint64_t publish_budget_bytes = 64ULL << 20;
  std::uint64_t journal_bytes_max = 1ULL << 30;
  std::uint64_t journal_file_bytes = 64ULL << 20;
  /// Over one of them dispatch pauses, and stats and log say so.
  std::uint64_t unacked_per_subscription_max = 200'000;  ///< messages
  std::uint64_t unacked_per_consumer_max = 50'000;       ///< messages, on Shared and Key_Shared
  /// In memory of what is not settled, of all subscriptions together: messages that are out or wait, and
  /// acknowledged ranges behind a gap. `state_each_min` of it is each subscription's in any case.
  std::uint64_t state_bytes_max = 64ULL << 20;
  std::uint64_t state_each_min = 64ULL << 10;
  /// In memory of what is held until its time, of all subscriptions together; the rest is read again from the
  /// log when its time comes near. `delayed_each_min` entries of each subscription are there in any case.
  std::uint64_t delayed_bytes_max = 32ULL << 20;
  std::uint32_t delayed_each_min = 1'000;
  /// Of every namespace that does not say it itself, and of topics that are made; but not of those
  /// namespaces.
  Policies default_policies;
  RetentionPolicy default_retention;
  std::function<bool(std::string_view name_space)> without_defaults;
  std::chrono::milliseconds trim_every{1'000};  ///< how often each topic forgets what nobody needs any more
  /// A topic that nobody used for so long is unloaded; to be used again it is loaded. Looked at every
  /// trim_every. Zero: at the second look.
  std::chrono::milliseconds unload_after{60'000};
  std::uint64_t compaction_memory_bytes = 64ULL << 20;     ///< for the keys of a topic, 64 bytes each
  std::function<void(CompactionStep)> on_compaction_step;  ///< for tests; on the thread that compacts
  storage::UnsafeOptions unsafe;
  /// Called when a write or fsync failed, on the thread that met it (the journal's or the metadata's):
  /// nothing more will be acknowledged, and where the process goes on, all that is connected is closed with
  /// disk_error. `serve` ends with 74.
  std::function<void(const Error&)> on_disk_error;
  base::Clock* clock = &base::Clock::system();
  base::FileSystem* files = nullptr;  ///< nullptr: the machine's
};

/// Gets the new number of partitions; 0: the topic was deleted. On a thread of the broker, under no lock; it
/// must be short.
using PartitionCallback = std::function<void(std::uint32_t partitions)>;
/// Freed, it is not called any more (a call under way may still end).
using PartitionWatch = std::shared_ptr<PartitionCallback>;

/// Sums over all topics, those that are not loaded too. `backlog`, `delayed` and `acknowledged_ranges` count
/// entries and ranges of them.
struct BrokerStats {
  storage::LogStats log;
  std::uint64_t topics = 0, topics_loaded = 0, subscriptions = 0;
  std::uint64_t producers = 0, consumers = 0, readers = 0;  ///< connected
  std::uint64_t backlog = 0, delayed = 0, acknowledged_ranges = 0;
  std::uint64_t unacked = 0;                               ///< messages
  std::uint64_t state_bytes = 0, state_bytes_max = 0;      ///< BrokerOptions::state_bytes_max
  std::uint64_t delayed_bytes = 0, delayed_bytes_max = 0;  ///< in memory of what is `delayed`
  std::uint64_t paused = 0;      ///< subscriptions whose dispatch a limit holds back
  std::uint64_t held_bytes = 0;  ///< of sends that policies hold back; BrokerOptions::publish_budget_bytes
};

class Broker {
 public:
  /// Opens or makes the data directory; blocks for recovery. Errors: directory_locked, format_too_new,
  /// corrupted, disk_error.
  static Result<std::unique_ptr<Broker>> open(BrokerOptions options);
  virtual ~Broker() = default;

  /// `name` is a full name ("persistent://tenant/namespace/topic"). `create`: makes the topic, its namespace
  /// and tenant where they are missing; else topic_not_found. invalid_argument: it is non-persistent.
  virtual void open_topic(std::string name, bool create, Done<TopicPtr> done) = 0;
  /// All entries or none, in one journal record; the order of calls from one thread is kept.
  virtual void publish(std::vector<Publication> publications, Done<std::vector<MessageId>> done) = 0;
  virtual void subscribe(TopicPtr topic, SubscribeOptions options, std::shared_ptr<DeliverySink> sink,
                         Done<ConsumerPtr> done) = 0;
  virtual void create_reader(TopicPtr topic, ReaderStart start, Permits permits,
                             std::shared_ptr<DeliverySink> sink, Done<ReaderPtr> done) = 0;
  /// Errors: producer_busy (an exclusive one is there, or one of that name), producer_fenced. With
  /// wait_for_exclusive the answer may take as long as others are connected.
  virtual void create_producer(TopicPtr topic, RegisterOptions options, Done<ProducerPtr> done) = 0;

  // Names and positions. Durable when `done` is called.
  virtual void create_tenant(std::string tenant, Done<void> done) = 0;
  virtual void create_namespace(std::string tenant_and_namespace, Done<void> done) = 0;
  virtual void create_topic(std::string name, Done<void> done) = 0;  ///< already_exists where it does
  /// Without `force`: conflict while producers or consumers are connected.
  virtual void delete_topic(std::string name, bool force, Done<void> done) = 0;
  /// The topic takes no more messages, for good; its last one, if there ever was one. Who publishes, now or
  /// later, gets topic_terminated. A second call answers the same.
  virtual void terminate_topic(TopicPtr topic, Done<std::optional<MessageId>> done) = 0;
  // Partitioned topics. Partition i of a topic is the topic base::partition_name(name, i), which is opened,
  // published to and subscribed to like any other; the name above them cannot. create_topic and open_topic
  // refuse that name, delete_topic deletes the whole and refuses a part.
  /// Errors: already_exists (a topic of that name, or of one of the partitions), invalid_argument.
  virtual void create_partitioned_topic(std::string name, std::uint32_t partitions, Done<void> done) = 0;
  /// Upward only; to as many as there are does nothing. The subscriptions of partition 0 are on the new ones,
  /// at the earliest message, before anybody can publish to those. Failed, it may be called again and goes on
  /// where it ended. Errors: topic_not_found, conflict (made without partitions), invalid_argument.
  virtual void grow_partitions(std::string name, std::uint32_t partitions, Done<void> done) = 0;
  /// 0: there is no partitioned topic of that name. Does not block.
  [[nodiscard]] virtual std::uint32_t partitions(const std::string& name) const = 0;
  /// Who needs every change watches first and asks partitions() then.
  [[nodiscard]] virtual PartitionWatch watch_partitions(const std::string& name,
                                                        PartitionCallback changed) = 0;
  /// Sorted. Does not block.
  [[nodiscard]] virtual std::vector<PartitionedTopic> partitioned_topics(
      const std::string& tenant_and_namespace) const = 0;
  virtual void set_retention(TopicPtr topic, RetentionPolicy policy, Done<void> done) = 0;
  /// Replaces all that were set. They act from `done` on, those of a namespace soon after.
  virtual void set_policies(TopicPtr topic, Policies policies, Done<void> done) = 0;
  virtual void set_namespace_policies(std::string tenant_and_namespace, Policies policies,
                                      Done<void> done) = 0;
  virtual void policies(TopicPtr topic, Done<Policies> done) = 0;  ///< its own
  virtual void create_subscription(TopicPtr topic, std::string subscription, InitialPosition position,
                                   Properties properties, Done<void> done) = 0;
  void create_subscription(TopicPtr topic, std::string subscription, InitialPosition position,
                           Done<void> done) {
    create_subscription(std::move(topic), std::move(subscription), position, {}, std::move(done));
  }
  virtual void delete_subscription(TopicPtr topic, std::string subscription, Done<void> done) = 0;
  virtual void skip_all(TopicPtr topic, std::string subscription, Done<void> done) = 0;
  /// Past the next `entries` that are not acknowledged.
  virtual void skip(TopicPtr topic, std::string subscription, std::uint64_t entries, Done<void> done) = 0;
  /// Past everything that was published before `before`.
  virtual void expire(TopicPtr topic, std::string subscription, Timestamp before, Done<void> done) = 0;
  /// See Consumer::seek.
  virtual void seek(TopicPtr topic, std::string subscription, SeekTarget target, Done<void> done) = 0;
  /// Forgets what nobody needs any more now, not at the next BrokerOptions::trim_every; `done` when it has.
  virtual void trim(TopicPtr topic, Done<void> done) = 0;
  /// Begins, in the background: see Compaction. While one runs, another one follows it.
  virtual void compact(TopicPtr topic, Done<void> begun) = 0;
  /// When no compaction of the topic runs or waits any more. Errors: those of the last one.
  virtual void await_compaction(TopicPtr topic, Done<void> done) = 0;
  virtual void stats(TopicPtr topic, Done<TopicStats> done) = 0;
  /// Durable entries behind `after`, oldest first, at most `limit`.
  virtual void browse(TopicPtr topic, std::optional<MessageId> after, std::uint32_t limit,
                      Done<std::vector<storage::Entry>> done) = 0;

  /// Topics "non-persistent://tenant/namespace/topic". create_topic(), delete_topic() and topics() are for
  /// both kinds.
  virtual VolatileTopics& volatile_topics() = 0;
  /// Of persistent topics.
  virtual SchemaRegistry& schemas() = 0;

  // Blocking; never from a core.
  virtual Result<std::vector<std::string>> tenants() = 0;
  virtual Result<std::vector<std::string>> namespaces(const std::string& tenant) = 0;
  virtual Result<std::vector<std::string>> topics(const std::string& tenant_and_namespace) = 0;
  virtual Result<Policies> namespace_policies(const std::string& tenant_and_namespace) = 0;
  [[nodiscard]] virtual BrokerStats broker_stats() const = 0;
  /// Written into the directory's lock, for the message to whoever wants to open it too.
  virtual Result<> announce(const std::string& addresses) = 0;
  /// Closes consumers and readers (on_closed), writes what is pending and a checkpoint. Idempotent; blocks.
  virtual Result<> close() = 0;
};

/// Any thread.
[[nodiscard]] const std::string& topic_name(const Topic& topic);
[[nodiscard]] storage::TopicId topic_id(const Topic& topic);
[[nodiscard]] std::int32_t topic_partition(const Topic& topic);  ///< -1: not one of a partitioned topic

}  // namespace geminga::broker
