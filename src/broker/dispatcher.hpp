#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include <geminga/types.hpp>

#include "base/clock.hpp"
#include "broker/broker.hpp"
#include "broker/key_order.hpp"
#include "storage/log.hpp"

namespace geminga::broker {

/// Sorted and merged where they touch. Takes its own copy because it sorts.
std::vector<storage::EntryRange> to_ranges(std::vector<EntryId> entries);

struct DispatcherOptions {
  SubscriptionType type = SubscriptionType::exclusive;
  bool hold_delayed = true;
  std::uint32_t unsettled_max = 200'000;
  std::uint32_t delayed_max = 1'000'000;
  std::uint32_t waiting_max =
      20'000;                 ///< entries put aside for their key or their consumer before reading pauses
  bool lose_delayed = false;  ///< storage::UnsafeOptions
};

/// What both clocks say; taken once a turn.
struct Now {
  Timestamp wall{};
  base::MonotonicTime monotonic{};
};

/// Decides which entry of one subscription goes to whom, and when. Pure: no thread, no disk, no clock; bodies
/// come by feed().
///
/// An entry behind the cursor is in one of these states:
///   unread    at or behind read_position()
///   delayed   read before its deliver-at; only its id is kept
///   waiting   to be sent again (or, Key_Shared, put aside for its key), now or from a due time on; only its
///   id is kept out       sent to one consumer, neither acknowledged nor returned settling  out, and its
///   acknowledgement is on the way to the disk acknowledged
/// Entries never leave "out" by themselves. What is waiting is sent before what is unread.
class Dispatcher {
 public:
  using Send = std::function<void(ConsumerNumber, Delivered)>;

  Dispatcher(DispatcherOptions options, storage::CursorState cursor, Send send);

  // --- consumers ---
  void add_consumer(ConsumerNumber consumer, Permits permits);
  /// What is out with it waits again, counted as redelivered.
  void remove_consumer(ConsumerNumber consumer, Now now);
  void add_permits(ConsumerNumber consumer, Permits more);
  /// It is sent nothing more; what is out with it stays out.
  void stop_consumer(ConsumerNumber consumer);
  [[nodiscard]] std::size_t consumer_count() const { return consumers_.size(); }
  void set_type(SubscriptionType type, bool hold_delayed);

  // --- what to read: call until nothing is wanted, feed each answer ---
  struct Want {
    EntryId from;
    std::uint32_t entries_max = 0;
    bool waiting = false;  ///< entries that wait; else unread ones
  };
  /// `end` is behind the last durable entry.
  std::optional<Want> next_read(EntryId end, Now now);
  /// The answer to a Want: entries from its position on, in order; sends what may be sent. Entries that are
  /// missing in front were trimmed.
  void feed(const Want& want, std::vector<storage::Entry> entries, Now now);

  // --- settling ---
  /// True when all are out with this consumer; they are settling from now on.
  bool begin_acknowledge(ConsumerNumber consumer, std::span<const EntryId> entries);
  /// It is durable.
  void acknowledged(std::span<const EntryId> entries);
  /// It is not: they are out as before, or wait when their consumer has gone meanwhile.
  void acknowledge_failed(std::span<const EntryId> entries, Now now);
  /// False for an entry that is not out with this consumer.
  bool return_entry(ConsumerNumber consumer, EntryId entry, std::chrono::milliseconds delay, bool counts,
                    Now now);
  /// The cursor was moved: what lies before is acknowledged, nothing from it on.
  void move_cursor(EntryId next);

  // --- what it knows ---
  [[nodiscard]] const storage::CursorState& cursor() const { return cursor_; }
  [[nodiscard]] EntryId read_position() const { return read_position_; }
  [[nodiscard]] std::uint64_t backlog(EntryId end) const;
  [[nodiscard]] std::uint64_t out_count() const { return out_.size(); }
  [[nodiscard]] std::uint64_t delayed_count() const { return delayed_.size(); }
  [[nodiscard]] std::uint64_t waiting_count() const { return waiting_.size(); }
  [[nodiscard]] std::uint64_t redelivered_count() const { return redelivered_; }
  /// A bound is reached: unread entries stay unread until something is settled.
  [[nodiscard]] bool paused() const;
  /// When to ask again though nothing happened; nothing: never.
  [[nodiscard]] std::optional<base::MonotonicTime> next_due(Now now) const;

 private:
  struct ConsumerState {
    std::int64_t messages = 0;
    std::int64_t bytes = 0;
    bool stopped = false;
    [[nodiscard]] bool can_take() const { return messages > 0 && bytes > 0 && !stopped; }
  };
  struct Out {
    ConsumerNumber consumer = 0;
    std::uint32_t redeliveries = 0;
    std::uint32_t hash = 0;
    bool settling = false;
    bool consumer_gone = false;
    bool keyed = false;  ///< keys_ counts it
  };
  struct Waiting {
    std::uint32_t redeliveries = 0;
    std::uint32_t hash = 0;
    base::MonotonicTime due{};
    bool ready = false;  ///< stands in ready_, else in not_due_
  };
  using Consumers = std::map<ConsumerNumber, ConsumerState>;

  [[nodiscard]] bool key_shared() const { return options_.type == SubscriptionType::key_shared; }
  [[nodiscard]] bool is_acknowledged(EntryId entry) const;
  void wake_due(Now now);
  void put_waiting(EntryId entry, Waiting state, Now now);
  void drop_waiting(std::map<EntryId, Waiting>::iterator at);
  std::optional<Want> want_waiting();
  [[nodiscard]] bool sendable(EntryId entry, const Waiting& state) const;
  /// The consumer that a message of this hash may go to now and has permits for; end() for none.
  Consumers::iterator choose(std::uint32_t hash);
  void offer_waiting(storage::Entry entry);
  /// False: no consumer can take it; it stays unread.
  bool offer_unread(storage::Entry& entry, Now now);
  void send(Consumers::iterator to, storage::Entry entry, std::uint32_t redeliveries);
  void release(std::map<EntryId, Out>::iterator at);
  /// Its consumer has gone: to anybody, counted as delivered once.
  void wait_again(std::map<EntryId, Out>::iterator at, Now now);

  DispatcherOptions options_;
  storage::CursorState cursor_;
  Send send_;
  EntryId read_position_;
  Consumers consumers_;
  ConsumerNumber last_chosen_ = 0;  ///< round robin
  KeyOrder keys_;                   ///< Key_Shared only
  std::map<EntryId, Out> out_;
  std::map<EntryId, Waiting> waiting_;
  std::set<EntryId> ready_;
  std::set<std::pair<base::MonotonicTime, EntryId>> not_due_;
  std::map<std::pair<Timestamp, EntryId>, std::uint32_t> delayed_;  ///< to the hash of its key
  std::uint64_t redelivered_ = 0;
};

}  // namespace geminga::broker
