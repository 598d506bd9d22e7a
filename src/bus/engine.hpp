#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <geminga/admin.hpp>
#include <geminga/bus.hpp>
#include <geminga/capabilities.hpp>
#include <geminga/consumer.hpp>
#include <geminga/error.hpp>
#include <geminga/message.hpp>
#include <geminga/producer.hpp>
#include <geminga/reader.hpp>

/// The seam between the bus and what carries its messages. An engine implements these classes and nothing
/// else; the bus above does what all share: checks of arguments, pending limits, send time-outs, handler
/// loops, acknowledgement time-outs, dead letters.
///
/// Rules for every engine. Topic names are full names. A call that needs a feature which capabilities() calls
/// impossible never arrives here. Calls that return Result may block; calls that take a Done never do, and
/// call it exactly once, on a thread of the engine, possibly before they return. Whatever a Done or a sink
/// does is short and never calls back into the engine's blocking calls. A message arrives checked, and with a
/// deliver_at where the application gave a deliver_after.
namespace geminga::bus {

template <class T>
using Done = std::move_only_function<void(Result<T>)>;

/// Messages of one delivery as the engine has them, from which those who take them make strings: what one
/// thread allocates and another one frees meets in the allocator's lock. Shared by its messages; any thread.
class PackedMessages {
 public:
  virtual ~PackedMessages() = default;
  [[nodiscard]] virtual std::string_view key(std::string_view packed) const = 0;
  /// Everything but what EngineMessage says is there at once. Cannot fail: the engine has looked.
  virtual void unpack(std::string_view packed, Message& into) const = 0;
};

/// A message on its way to the application. `tag` names this delivery to the engine, unique among the
/// unsettled ones of its consumer. An engine's own tags are below 2^48; the sixteen bits above are the
/// number of the partition where one handle stands for the partitions of a topic (bus/partitions), else 0.
struct EngineMessage {
  Message message;
  std::uint64_t tag = 0;
  std::uint64_t bytes = 0;  ///< what it counts in the receiver queue; goes back with taken()
  /// Where it lies until it is taken; empty: `message` is whole. There at once are its id, publish time,
  /// redelivery count and sequence.
  std::shared_ptr<const PackedMessages> owner{};
  std::string_view packed{};
  /// Why it cannot be read here, if so: it counts as one whose handler failed. What is known of it is there.
  std::shared_ptr<const std::string> unreadable{};

  [[nodiscard]] std::string_view key() const { return owner ? owner->key(packed) : message.key; }
  /// Makes it whole, on the thread that takes it.
  void unpack() {
    if (!owner) return;
    owner->unpack(packed, message);
    owner.reset();
  }
};

struct PartitionTag {
  static constexpr unsigned kShift = 48;
  static std::uint64_t make(std::uint32_t partition, std::uint64_t tag) {
    return (std::uint64_t{partition} << kShift) | tag;
  }
  static std::uint16_t partition(std::uint64_t tag) { return static_cast<std::uint16_t>(tag >> kShift); }
  static std::uint64_t own(std::uint64_t tag) { return tag & ((std::uint64_t{1} << kShift) - 1); }
};

/// Where a consumer's or a reader's messages go; the bus implements it. Called on threads of the engine, in
/// order, never concurrently for one consumer.
class EngineSink {
 public:
  virtual ~EngineSink() = default;
  virtual void on_messages(std::vector<EngineMessage> messages) = 0;
  /// What came until now with tags of this partition and is not settled is not this consumer's any more: the
  /// subscription was moved, or another consumer took over. It comes again, here or there. Engines say 0.
  virtual void on_withdrawn(std::uint16_t partition) = 0;
  /// The topic was terminated and nothing is left to come here, unless the subscription is moved.
  virtual void on_end_of_topic() {}
  /// No message will come any more: the topic was deleted, the connection is lost for good.
  virtual void on_closed(Error reason) = 0;
};

/// How much may wait between engine and application; taken() makes room again.
struct ReceiverQueue {
  std::uint32_t messages = 1'000;
  std::uint64_t bytes = 64ULL << 20;  ///< one message may go over it, so that every message fits
};

/// What became of one send. Errors: see Producer::send.
struct SendAnswer {
  std::uint64_t tag = 0;
  Result<MessageId> id;
};

/// Where the answers of a producer go; the bus implements it. An engine gives as many at once as it has,
/// since what one call costs is more than what one answer costs. Each tag is answered once.
class EngineSendSink {
 public:
  virtual ~EngineSendSink() = default;
  virtual void on_answers(std::vector<SendAnswer> answers) = 0;
};

class EngineProducer {
 public:
  virtual ~EngineProducer() = default;
  /// In order of the calls, of which no two overlap. The answer names `tag`; it may come before the call
  /// returns.
  virtual void send(std::uint64_t tag, OutgoingMessage message) = 0;
  /// What the engine holds back to fill a batch goes out now.
  virtual void flush() = 0;
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// See Producer::last_sequence_id.
  [[nodiscard]] virtual std::optional<std::uint64_t> last_sequence_id() const = 0;
  /// Frees it; sends under way still get their answer. Idempotent.
  virtual Result<> close() = 0;
};

struct EngineConsumerOptions {
  std::string topic;
  std::string subscription;
  SubscriptionType type = SubscriptionType::exclusive;
  InitialPosition initial_position = InitialPosition::latest;
  std::string name;
  std::uint32_t priority = 0;
  std::vector<HashRange> hash_ranges;
  bool read_compacted = false;
  ReceiverQueue queue;
};

class EngineConsumer {
 public:
  virtual ~EngineConsumer() = default;
  /// The application has taken so much out of the receiver queue.
  virtual void taken(std::uint32_t messages, std::uint64_t bytes) = 0;
  /// `done` after it is durable.
  virtual void acknowledge(std::uint64_t tag, Done<void> done) = 0;
  /// This one and everything before it in the topic that was delivered; on exclusive and failover only.
  virtual void acknowledge_up_to(std::uint64_t tag, Done<void> done) = 0;
  /// Comes again after `delay`, counted as a redelivery.
  virtual void negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds delay) = 0;
  /// No message reaches the sink after it returns; what is out stays out.
  virtual Result<> stop() = 0;
  /// Never reached the application: comes again at once, to anybody, and counts as no redelivery. After
  /// stop().
  virtual void give_back(std::vector<std::uint64_t> tags) = 0;
  /// Nothing reaches the sink after it returns; what is unsettled goes back. Idempotent.
  virtual Result<> close() = 0;
  /// Moves the subscription; EngineSink::on_withdrawn comes before the first message from there.
  virtual Result<> seek(const SeekTarget& target) = 0;
  /// Removes the subscription. Errors: conflict (other consumers are connected).
  virtual Result<> unsubscribe() = 0;
};

struct EngineReaderOptions {
  std::string topic;
  std::variant<InitialPosition, MessageId> start = InitialPosition::latest;
  bool inclusive = false;
  bool read_compacted = false;
  ReceiverQueue queue;
};

class EngineReader {
 public:
  virtual ~EngineReader() = default;
  virtual void taken(std::uint32_t messages, std::uint64_t bytes) = 0;
  /// Does the topic hold a message behind `last_taken` (behind the start, where nothing was taken yet)?
  virtual Result<bool> has_more(std::optional<MessageId> last_taken) = 0;
  virtual Result<> close() = 0;
};

/// Admin's calls; every change is durable when the call returns.
class EngineAdmin {
 public:
  virtual ~EngineAdmin() = default;
  virtual Result<> create_tenant(const std::string& tenant) = 0;
  virtual Result<> create_namespace(const std::string& tenant_and_namespace) = 0;
  virtual Result<std::vector<std::string>> tenants() = 0;
  virtual Result<std::vector<std::string>> namespaces(const std::string& tenant) = 0;
  virtual Result<std::vector<std::string>> topics(const std::string& tenant_and_namespace) = 0;
  virtual Result<> create_topic(const std::string& topic) = 0;
  /// Of a partitioned topic with all its partitions.
  virtual Result<> delete_topic(const std::string& topic, bool force) = 0;
  virtual Result<std::optional<MessageId>> terminate_topic(const std::string& topic) = 0;
  virtual Result<> compact_topic(const std::string& topic) = 0;
  virtual Result<> await_compaction(const std::string& topic, std::chrono::milliseconds timeout) = 0;
  virtual Result<> set_policies(const std::string& topic, const Policies& policies) = 0;
  virtual Result<> set_namespace_policies(const std::string& tenant_and_namespace,
                                          const Policies& policies) = 0;
  virtual Result<Policies> policies(const std::string& topic) = 0;
  virtual Result<Policies> namespace_policies(const std::string& tenant_and_namespace) = 0;
  virtual Result<> create_partitioned_topic(const std::string& topic, std::uint32_t partitions) = 0;
  virtual Result<> update_partitioned_topic(const std::string& topic, std::uint32_t partitions) = 0;
  /// 0: it is not partitioned. Those of the other calls that name a topic get, for a partitioned one, the
  /// names of its partitions, one after the other.
  virtual Result<std::uint32_t> partitions(const std::string& topic) = 0;
  virtual Result<std::vector<PartitionedTopic>> partitioned_topics(
      const std::string& tenant_and_namespace) = 0;
  virtual Result<> set_retention(const std::string& topic, RetentionPolicy policy) = 0;
  virtual Result<> create_subscription(const std::string& topic, const std::string& subscription,
                                       InitialPosition position) = 0;
  virtual Result<> delete_subscription(const std::string& topic, const std::string& subscription) = 0;
  virtual Result<> skip_all(const std::string& topic, const std::string& subscription) = 0;
  virtual Result<> skip(const std::string& topic, const std::string& subscription, std::uint64_t entries) = 0;
  virtual Result<> expire(const std::string& topic, const std::string& subscription, Timestamp before) = 0;
  virtual Result<> seek(const std::string& topic, const std::string& subscription,
                        const SeekTarget& target) = 0;
  virtual Result<TopicStats> stats(const std::string& topic) = 0;
  virtual Result<std::vector<Message>> browse(const std::string& topic, std::optional<MessageId> after,
                                              std::uint32_t limit) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// Constant; one row per feature.
  [[nodiscard]] virtual const Capabilities& capabilities() const = 0;
  /// As opened, without secrets.
  [[nodiscard]] virtual const std::string& url() const = 0;
  /// `options.topic` is a full name; `options.name` may be empty.
  virtual Result<std::unique_ptr<EngineProducer>> create_producer(const ProducerOptions& options,
                                                                  std::shared_ptr<EngineSendSink> sink) = 0;
  /// Messages may reach the sink before the call returns.
  virtual Result<std::shared_ptr<EngineConsumer>> subscribe(const EngineConsumerOptions& options,
                                                            std::shared_ptr<EngineSink> sink) = 0;
  virtual Result<std::unique_ptr<EngineReader>> create_reader(const EngineReaderOptions& options,
                                                              std::shared_ptr<EngineSink> sink) = 0;
  /// All messages or none, to any topics.
  virtual void publish(std::vector<TopicMessage> messages, Done<std::vector<MessageId>> done) = 0;
  /// Publishes the messages and acknowledges the delivery `tag` of `consumer` (one of this engine): both or
  /// neither, where atomic_forward is native. Errors: conflict (the delivery is not this consumer's any
  /// more).
  virtual void forward(EngineConsumer& consumer, std::uint64_t tag, std::vector<TopicMessage> messages,
                       Done<std::vector<MessageId>> done) = 0;
  virtual EngineAdmin& admin() = 0;
  /// Ends what is under way; afterwards every call fails with `closed`. Idempotent.
  virtual Result<> close() = 0;
};

/// A bus over an engine that is open already: how `serve` shares the one broker with all its parts.
Bus make_bus(std::unique_ptr<Engine> engine, BusOptions options);

}  // namespace geminga::bus
