#pragma once

#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/answer.hpp"
#include "broker/compaction/compacted_reads.hpp"
#include "broker/context.hpp"
#include "broker/dispatcher.hpp"
#include "broker/topic_record.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {

class SubscriptionConsumer;

/// A subscription: a dispatcher, the consumers it sends to, and the records of what was acknowledged.
/// Every member on the topic's core.
class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  /// `counters`: what it had counted before its topic was unloaded. Not `durable`: nothing of it is written,
  /// see SubscribeOptions::passing.
  Subscription(ContextPtr context, Topic& topic, storage::SubscriptionRow row, storage::CursorState cursor,
               const SubscriptionCounters& counters, bool durable = true);
  ~Subscription();

  // --- consumers ---
  /// Errors: consumer_busy, subscription_type_mismatch, invalid_argument.
  Result<ConsumerPtr> attach(const SubscribeOptions& options, std::shared_ptr<DeliverySink> sink);
  void detach(ConsumerNumber consumer);
  void stop(ConsumerNumber consumer) { dispatcher_.stop_consumer(consumer); }
  void flow(ConsumerNumber consumer, Permits more);

  // --- settling ---
  void acknowledge(ConsumerNumber consumer, const Acknowledgement& what, Answer<void> answer);
  void acknowledge_each(ConsumerNumber consumer, std::vector<EntryId> entries,
                        Answer<std::vector<EntryId>> answer);
  void acknowledge_ids(ConsumerNumber consumer, const IdAcknowledgement& what, Answer<void> answer);
  void redeliver_ids(ConsumerNumber consumer, const std::vector<MessageId>& ids);
  void redeliver(ConsumerNumber consumer, const std::vector<EntryId>& entries,
                 std::chrono::milliseconds delay, bool counts);
  void redeliver_all(ConsumerNumber consumer);
  void forward(ConsumerNumber consumer, const Acknowledgement& what, std::vector<Publication> publications,
               Answer<std::vector<MessageId>> answer);

  // --- position ---
  void skip_all(Answer<void> answer);
  void skip(std::uint64_t entries, Answer<void> answer);
  /// Everything before `next` counts as acknowledged; what is out stays out.
  void skip_to(EntryId next, Answer<void> answer);
  void expire(Timestamp before, Answer<void> answer);
  void seek(const SeekTarget& target, Answer<void> answer);

  /// After the policies changed.
  void choose_delay() { dispatcher_.set_hold_delayed(holds_delayed(row_.type)); }
  /// Sends what can be sent; called after anything changed.
  void pump();
  /// What it may send now is being read.
  [[nodiscard]] bool reading() const { return reading_; }
  /// Consumers hear `reason`; acknowledgements that wait are handed to the log; no timer is left.
  void shut_down(const Error& reason);

  [[nodiscard]] const storage::SubscriptionRow& row() const { return row_; }
  [[nodiscard]] bool durable() const { return durable_; }
  /// What lies before is not needed here any more.
  [[nodiscard]] EntryId acknowledged_before() const {
    return std::min(dispatcher_.cursor().next, seeking_from_);
  }
  /// What it has still to read begins in the compacted view.
  [[nodiscard]] bool in_view() const;
  [[nodiscard]] std::size_t consumer_count() const { return consumers_.size(); }
  [[nodiscard]] bool has_consumer(ConsumerNumber consumer) const { return consumers_.contains(consumer); }
  /// Nobody is connected and the log knows all that is known here. What waits to be sent again has been
  /// counted as redelivered, and what is held until its time would have to be read again: the log knows
  /// neither.
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] SubscriptionCounters counters() const;
  [[nodiscard]] SubscriptionStats stats() const;
  void add_to(BrokerStats& sums) const;

 private:
  struct Connected {
    std::shared_ptr<DeliverySink> sink;
    std::vector<HashRange> hash_ranges;
    std::vector<Delivered> outbox;    ///< filled by the dispatcher, handed over at the end of a pump
    std::optional<bool> told_active;  ///< Failover: what it heard last
    bool told_end = false;            ///< that the topic has ended
  };
  struct AckBatch {
    Settling settling;
    std::vector<Answer<void>> answers;
  };
  static constexpr EntryId kNowhere{std::numeric_limits<std::uint64_t>::max()};

  // subscription.cpp
  [[nodiscard]] Result<> check_attach(const SubscribeOptions& options) const;
  [[nodiscard]] bool holds_delayed(SubscriptionType type) const;
  void adopt_type(const SubscribeOptions& options);
  void tell_who_is_active();
  void tell_end_of_topic();
  void pump_later();
  bool read(const Dispatcher::Want& want, Now now);
  void read_done(const Dispatcher::Want& want, Result<std::vector<storage::Entry>> entries);
  void reading_failed(const Error& error);
  void read_again_later();
  void end_consumers(const Error& reason);
  void go_when_unused();
  void hand_over();
  void arm_timer(Now now);
  void say_when_paused();
  [[nodiscard]] std::string dispatch_paused() const;

  // subscription_compacted.cpp
  void read_compacted(const Dispatcher::Want& want);
  void compacted_read_done(const Dispatcher::Want& want, Result<CompactedEntries> read);
  void acknowledge_missing(std::vector<storage::EntryRange> ranges);
  void seek_compacted(Timestamp since, Answer<void> answer);
  void expire_compacted(Timestamp before, EntryId first, Answer<void> answer);

  // subscription_settle.cpp
  void flush_acknowledgements();
  void acknowledgements_done(AckBatch batch, const Result<storage::Receipt>& receipt);
  /// Hands one operation to the log; `then` on the core, when it is durable or failed.
  void submit(storage::Operation operation,
              std::move_only_function<void(const Result<storage::Receipt>&)> then);
  /// The same with a record that moves the position.
  void submit_move(storage::Operation operation,
                   std::move_only_function<void(const Result<storage::Receipt>&)> then);
  /// Nothing: to the end.
  void move_to(std::optional<EntryId> next, Answer<void> answer);
  void seek_to(const MessageId& id, Answer<void> answer);
  void seek_by_time(EntryId from, Timestamp since, Answer<void> answer);

  const ContextPtr context_;
  Topic& topic_;  ///< owns this
  storage::SubscriptionRow row_;
  const SubscriptionCounters counted_;  ///< before the dispatcher was made
  const bool durable_;
  Dispatcher dispatcher_;
  std::shared_ptr<CompactedReads> compacted_;  ///< where the consumers read the topic compacted
  std::vector<storage::EntryRange> missing_;   ///< compacted away, and the log refused to take note of it
  std::map<ConsumerNumber, Connected> consumers_;
  ConsumerNumber last_consumer_ = 0;
  std::unique_ptr<base::Timer> timer_;
  /// Nothing is read until it fires; then missing_ is handed to the log again.
  std::unique_ptr<base::Timer> read_again_;
  std::unique_ptr<base::Timer> going_;  ///< not durable, and nobody has come since a seek
  AckBatch acknowledging_;
  std::uint64_t ack_turn_ = 1;  ///< rises with each record that it becomes
  std::uint32_t moves_ = 0;     ///< records of the position that are not durable yet: seeks and skips
  std::deque<std::move_only_function<void()>> skips_;  ///< wait for the position that these lead to
  std::uint32_t seeking_ = 0;        ///< seeks that are not durable yet; nothing is sent meanwhile
  EntryId seeking_from_ = kNowhere;  ///< the earliest of them
  bool membership_changed_ = false;
  bool sought_ = false;  ///< not durable: its consumers are ended by a seek
  bool flush_posted_ = false;
  bool reading_ = false;
  bool pumping_ = false;
  bool pump_posted_ = false;
  bool paused_ = false;
  bool shut_down_ = false;
};
using SubscriptionPtr = std::shared_ptr<Subscription>;

/// One journal record, in order, and the topics of its appends: whoever submits it holds them until it is
/// answered, so that none is unloaded before.
struct PublishRecord {
  std::vector<storage::Operation> operations;
  std::vector<TopicPtr> topics;
};
/// Any thread. Errors: topic_not_found (deleted meanwhile), topic_terminated, backlog_quota_exceeded,
/// overloaded (a topic's publish rate).
Result<PublishRecord> to_record(std::vector<Publication> publications);
/// `topics`: those of the record.
std::vector<MessageId> to_message_ids(const storage::Receipt& receipt, const std::vector<TopicPtr>& topics);
/// What is stored of an entry is one id; only its topic knows its partition.
MessageId to_message_id(const storage::EntryHeader& header, std::int32_t partition);

}  // namespace geminga::broker
