#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/answer.hpp"
#include "broker/compaction/topic_compaction.hpp"
#include "broker/context.hpp"
#include "broker/producers.hpp"
#include "broker/subscription.hpp"
#include "broker/topic_limits.hpp"
#include "broker/topic_reader.hpp"
#include "broker/topic_record.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {

/// What became durable of one topic with one group of the journal.
struct DurableNote {
  LedgerId ledger;
  EntryId end;  ///< behind the last entry
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// How a subscription is made where there is none.
struct NewSubscription {
  SubscriptionType type = SubscriptionType::exclusive;
  InitialPosition position = InitialPosition::latest;
  Properties properties;
};

/// A topic: its subscriptions and readers, and how far it is durable. The first group of members may be
/// called by any thread, all others on the topic's core.
class Topic : public std::enable_shared_from_this<Topic> {
 public:
  /// `partition`: its number among those of a partitioned topic, or -1. Of no use before load().
  Topic(ContextPtr context, storage::TopicRow row, const TopicCounters& counters, std::int32_t partition);

  [[nodiscard]] const std::string& name() const { return row_.name; }
  [[nodiscard]] storage::TopicId id() const { return row_.id; }
  [[nodiscard]] std::int32_t partition() const { return partition_; }
  [[nodiscard]] Core& core() const { return core_; }
  [[nodiscard]] const ContextPtr& context() const { return context_; }
  [[nodiscard]] bool deleted() const { return deleted_.load(); }
  [[nodiscard]] bool terminated() const { return terminated_.load(); }
  /// Errors: topic_not_found (deleted), topic_terminated.
  [[nodiscard]] Result<> check_publishable() const;
  /// Null: nothing limits who publishes.
  [[nodiscard]] PublishGate* gate_if_made() const { return limits_.gate_if_made(); }

  /// Takes what is durable from the log.
  void load(TopicRecord record);
  /// What load() and the constructor need again.
  [[nodiscard]] TopicRecord record() const;
  /// Nobody is connected, nothing is under way here, nothing has to be done at a later time, and what is
  /// known here and nowhere else is in record().
  [[nodiscard]] bool quiet() const;
  /// All that was answered before it was durable (Log::set_async) is durable and known here.
  [[nodiscard]] bool has_all_answered() const;
  /// When it was first seen that nobody uses it; for TopicRegistry.
  [[nodiscard]] std::optional<base::MonotonicTime>& quiet_since() { return quiet_since_; }
  void on_durable(const DurableNote& note);
  [[nodiscard]] Producers& producers() { return producers_; }
  [[nodiscard]] TopicLimits& limits() { return limits_; }
  [[nodiscard]] TopicCompaction& compaction() { return compaction_; }
  /// Why nobody may connect any more, if so: deleted, the broker stops, or the disk failed.
  [[nodiscard]] Result<> check_usable() const;
  [[nodiscard]] std::optional<std::uint64_t> producer_epoch() const { return row_.producer_epoch; }
  void set_producer_epoch(std::uint64_t epoch) { row_.producer_epoch = epoch; }
  void count_out(std::uint64_t messages, std::uint64_t bytes);

  /// The subscription of that name, made where it is missing.
  void find_or_create(const std::string& name, const NewSubscription& wanted, Answer<SubscriptionPtr> answer);
  /// See SubscribeOptions::passing. Errors: subscription_type_mismatch (there is a durable one).
  Result<SubscriptionPtr> find_or_make_passing(const std::string& name, SubscriptionType type,
                                               EntryId position);
  void remove_passing(const Subscription& subscription);
  [[nodiscard]] SubscriptionPtr find(const std::string& name) const;
  /// Errors: subscription_not_found; conflict when more than `consumers_allowed` are connected.
  void remove_subscription(const std::string& name, std::size_t consumers_allowed, Answer<void> answer);
  /// Those that are there or on their way: how another topic gets the same.
  [[nodiscard]] std::map<std::string, NewSubscription> like_subscriptions() const;
  /// Until release_subscriptions() none comes or goes; whoever asks for it waits. `held` when no removal is
  /// under way any more.
  void hold_subscriptions(std::move_only_function<void()> held);
  void release_subscriptions();
  /// Where a reader is to begin: now, or when that is known. Errors: those of reading.
  void place_reader(const ReaderStart& start, std::move_only_function<void(Result<EntryId>)> then);
  Result<ReaderPtr> add_reader(EntryId position, bool read_compacted, Permits permits,
                               std::shared_ptr<DeliverySink> sink);
  void remove_reader(const std::shared_ptr<TopicReader>& reader) { readers_.erase(reader); }
  void remove(bool force, Answer<void> answer);
  void terminate(Answer<std::optional<MessageId>> answer);
  /// Where its policy says so; conflict where it is still used. Nothing that was published meanwhile is lost.
  void remove_inactive(Answer<void> answer);
  /// remove() in parts, for several topics at once; between them comes the tombstone. Errors: conflict.
  Result<> begin_removal(bool force);
  void cancel_removal() { deleted_ = false; }  ///< any thread
  void finish_removal(Answer<void> answer);
  void set_retention(RetentionPolicy policy) { row_.retention = policy; }
  [[nodiscard]] const RetentionPolicy& retention() const { return row_.retention; }
  /// Sends all that can be sent. Where a rate is shared, the subscriptions (and the readers, as one) take
  /// turns: it begins behind the one that had what the rate allowed last.
  void pump_all();
  /// Whoever has something to send now asks for pump_all() instead.
  [[nodiscard]] bool sends_in_turns() { return !pumping_all_ && limits_.dispatch_rate().limited(); }
  /// Forgets what nobody needs any more; called about once a second for topics where something changed or
  /// time matters.
  void trim();
  /// `done` when it has: it may have to read when the oldest message was published.
  void trim(Answer<void> done);
  /// Says so, once an hour, where its oldest message is dated ahead of the clock: by age nothing of it goes
  /// until then.
  void say_when_ahead(Timestamp oldest);
  void shut_down(const Error& reason);

  [[nodiscard]] const std::map<std::string, SubscriptionPtr>& subscriptions() const { return subscriptions_; }
  /// With those that are being made.
  [[nodiscard]] std::size_t subscription_count() const { return subscriptions_.size() + creating_.size(); }
  [[nodiscard]] std::size_t consumer_count() const;
  /// Somebody is connected, or a subscription is there.
  [[nodiscard]] bool in_use() const;
  /// No subscription needs what lies before.
  [[nodiscard]] EntryId acknowledged_before() const;
  [[nodiscard]] bool has_backlog() const { return !subscriptions_.empty() && acknowledged_before() < end_; }

  [[nodiscard]] EntryId first() const { return first_; }
  /// The same for who reads the topic as it was compacted: a view begins with what was the first one ever.
  [[nodiscard]] EntryId first_of(bool compacted) const {
    return compacted && compaction_.view() != nullptr ? EntryId{0} : first_;
  }
  [[nodiscard]] EntryId end() const { return end_; }
  /// Where this id stands here, within what is kept (or `compacted`: in the view too). An id that was given
  /// and lost (storage::Ledgers) stands where the ledger after it begins; one of a topic of this name before
  /// lies before everything.
  [[nodiscard]] EntryId position_of(const MessageId& id, bool compacted = false) const;
  /// This id names a durable entry of this topic; false: one of a topic of this name before, or one that was
  /// given and lost. Errors: conflict (it was never given).
  [[nodiscard]] Result<bool> has(const MessageId& id) const;
  [[nodiscard]] MessageId id_of(EntryId entry) const {
    return {.ledger = ledgers_.of(entry), .entry = entry, .partition = partition_};
  }
  /// Continues when the message of this id is durable, or never will be: then the id has its place. At once
  /// but for one that was answered before (Log::set_async). Errors: those of the log.
  void when_durable(const MessageId& id, std::move_only_function<void(Result<>)> then);
  /// Where what follows this id begins.
  [[nodiscard]] EntryId behind(const MessageId& id, bool compacted = false) const;
  [[nodiscard]] TopicStats stats() const;
  void add_to(BrokerStats& sums) const;

 private:
  struct Creating {
    NewSubscription wanted;
    std::vector<Answer<SubscriptionPtr>> answers;
  };
  void place_in_view(Timestamp since, std::move_only_function<void(Result<EntryId>)> then);
  void create_cursor(storage::SubscriptionRow row, InitialPosition position);
  void created(const std::string& name, Result<SubscriptionPtr> result);
  void cursor_refused(const storage::SubscriptionRow& row, const Error& error);
  void subscription_removed(const std::string& name, Answer<void> answer);
  void tombstone(Answer<void> answer);
  /// On the core, when all that the log took before is durable and known here.
  void submit_barrier(std::move_only_function<void(Result<>)> then);
  void sealed(const Result<>& done);
  void termination_ends(const Result<>& done);
  [[nodiscard]] std::optional<MessageId> last_message_id() const;
  void drop_again();
  [[nodiscard]] bool waits_to_trim() const;
  [[nodiscard]] EntryId kept_by_size() const;
  void begin_trim();
  void trim_ended();
  void trim_to(EntryId before);
  void tell_log_of_trim();
  void look_at_oldest();

  const ContextPtr context_;
  Core& core_;
  storage::TopicRow row_;  ///< retention and epoch: the core's; the rest never changes
  const std::int32_t partition_;
  std::atomic<bool> deleted_{false};
  std::atomic<bool> terminated_;
  std::vector<Answer<std::optional<MessageId>>> terminating_;
  TopicLimits limits_;
  TopicCompaction compaction_;
  Producers producers_;
  storage::Ledgers ledgers_;
  EntryId first_;
  EntryId end_;
  std::map<std::string, SubscriptionPtr> subscriptions_;
  std::map<std::string, SubscriptionPtr> passing_;  ///< those that are not durable
  std::map<std::string, Creating> creating_;
  bool subscriptions_held_ = false;
  std::vector<std::move_only_function<void()>> when_released_;
  std::uint32_t removals_ = 0;  ///< of subscriptions, that are under way
  std::move_only_function<void()> when_held_;
  std::set<std::shared_ptr<TopicReader>> readers_;
  bool pumping_all_ = false;
  bool trimming_ = false;                 ///< what is published when is being read
  std::vector<Answer<void>> trim_asked_;  ///< answered when it has ended
  std::optional<base::MonotonicTime> said_ahead_;
  EntryId trimmed_;  ///< so far the log has forgotten
  bool telling_log_ = false;
  std::optional<std::pair<EntryId, Timestamp>> oldest_kept_;  ///< when it was published
  std::optional<Answer<void>> drop_refused_;                  ///< to be tried again
  TopicCounters counters_;
  std::optional<base::MonotonicTime> quiet_since_;
};

}  // namespace geminga::broker
