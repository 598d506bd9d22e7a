#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include <geminga/types.hpp>

#include "base/clock.hpp"
#include "broker/ack_bits.hpp"
#include "broker/broker.hpp"
#include "broker/chunk_order.hpp"
#include "broker/delay_index.hpp"
#include "broker/key_order.hpp"
#include "broker/memory_budget.hpp"
#include "broker/recipients.hpp"
#include "broker/token_bucket.hpp"
#include "storage/log.hpp"

namespace geminga::broker {

/// Entries in [first, end) that are not acknowledged.
[[nodiscard]] std::uint64_t backlog_of(const storage::CursorState& cursor, EntryId first, EntryId end);

struct DispatcherOptions {
  SubscriptionType type = SubscriptionType::exclusive;
  bool hold_delayed = true;
  std::uint64_t unacked_max = 200'000;   ///< messages
  std::uint32_t waiting_max = 20'000;    ///< entries; put aside for their key or their consumer
  MemoryBudget* delay_budget = nullptr;  ///< shared with others; nullptr: no limit
  bool lose_delayed = false;             ///< storage::UnsafeOptions
  std::int32_t partition = -1;           ///< of the topic; see Recipients
  RateLimit* rate = nullptr;             ///< shared with others; nullptr: none
  MemoryBudget* state_budget = nullptr;  ///< shared with all others; nullptr: none
};

/// What both clocks say; taken once a turn.
struct Now {
  Timestamp wall{};
  base::MonotonicTime monotonic{};
};

/// An acknowledgement that was accepted: what has to be written. What another one has that is still on its
/// way is here again, so each stands for itself.
struct Settling {
  std::vector<EntryId> entries;              ///< whole
  std::vector<storage::BatchAck> batches;    ///< some messages of these
  std::vector<storage::EntryRange> skipped;  ///< not read yet, see Acknowledgement::whoever

  /// What is acknowledged whole, sorted and merged where it touches.
  [[nodiscard]] std::vector<storage::EntryRange> ranges() const;
  [[nodiscard]] bool empty() const { return entries.empty() && batches.empty() && skipped.empty(); }
  void add(const Settling& more);
};

/// Decides which entry of one subscription goes to whom, and when. Pure: no thread, no disk, no clock; bodies
/// come by feed().
///
/// An entry behind the cursor is in one of these states:
///   unread        at or behind read_position()
///   delayed       read before its deliver-at; see DelayIndex
///   waiting       to be sent again (or, Key_Shared, put aside for its key), now or from a due time on; only
///                 its id is kept
///   out           sent to one consumer, neither acknowledged nor returned
///   settling      out, and its acknowledgement is on the way to the disk
///   acknowledged
/// Entries leave "out" by themselves only when the acknowledgement time-out of their consumer is over. What
/// is waiting is sent before what is unread.
class Dispatcher {
 public:
  using Send = std::function<void(ConsumerNumber, Delivered)>;

  Dispatcher(DispatcherOptions options, storage::CursorState cursor, Send send);

  // --- consumers ---
  /// `ranges`: Key_Shared only; see KeyOwners.
  void add_consumer(ConsumerNumber consumer, Recipient recipient, Now now,
                    std::vector<HashRange> ranges = {});
  /// What is out with it waits again, counted as redelivered.
  void remove_consumer(ConsumerNumber consumer, Now now);
  void add_permits(ConsumerNumber consumer, Permits more);
  /// It is sent nothing more; what is out with it stays out.
  void stop_consumer(ConsumerNumber consumer);
  [[nodiscard]] const Recipients& recipients() const { return recipients_; }
  [[nodiscard]] const KeyOrder& keys() const { return keys_; }
  /// The one consumer that gets messages; 0: nobody, or the type has no such one.
  [[nodiscard]] ConsumerNumber active() const { return one_active() ? recipients_.active() : 0; }
  /// Only while nobody is connected.
  void set_type(SubscriptionType type, bool hold_delayed);
  /// What is held stays so until its time.
  void set_hold_delayed(bool hold_delayed) { options_.hold_delayed = hold_delayed; }

  // --- what to read: call until nothing is wanted, feed each answer ---
  /// A read that brings less takes as long; what is more could often not be sent, and would be read again.
  static constexpr std::uint64_t kReadBytesMin = 1ULL << 20;
  static constexpr std::uint64_t kReadBytesMax = 2ULL << 20;
  struct Want {
    enum class What : std::uint8_t { unread, waiting, delayed };
    EntryId from;
    std::uint32_t entries_max = 0;
    std::uint64_t bytes_max = kReadBytesMin;
    What what = What::unread;
    bool headers_only = false;  ///< bodies are not looked at
    std::uint64_t epoch = 0;    ///< an answer to what was asked before move_cursor() is dropped
  };
  /// `end` is behind the last durable entry.
  std::optional<Want> next_read(EntryId end, Now now);
  /// The answer to a Want: entries from its position on, in order; sends what may be sent. Entries that are
  /// missing in front were trimmed.
  void feed(const Want& want, std::vector<storage::Entry> entries, Now now);
  /// The same for entries with holes between them: what lies before `behind` and is not among them is not
  /// there.
  void feed_compacted(const Want& want, std::vector<storage::Entry> entries, EntryId behind, Now now);

  // --- settling ---
  /// All of it or, where something is not out with this consumer, nothing. Entries given by `up_to` are those
  /// that were delivered to anybody; a held one is not among them. What several calls of one `turn` have in
  /// common is named once: they are one record. 0: of its own.
  std::optional<Settling> begin_acknowledge(ConsumerNumber consumer, const Acknowledgement& what,
                                            std::uint64_t turn = 0);
  /// It is out with this consumer and not settling: it can be acknowledged or returned.
  [[nodiscard]] bool outstanding(ConsumerNumber consumer, EntryId entry) const;
  /// It is durable.
  void acknowledged(const Settling& settled);
  /// It is not: they are out as before, or wait when their consumer has gone meanwhile.
  void acknowledge_failed(const Settling& settled, Now now);
  /// False for an entry that is not out with this consumer.
  bool return_entry(ConsumerNumber consumer, EntryId entry, std::chrono::milliseconds delay, bool counts,
                    Now now);
  /// The same with all that is out with it (0: with anybody) and not settling.
  void return_all(ConsumerNumber consumer, bool counts, Now now);
  /// The same where it is to have nothing any more: what is settling comes back too, should that fail.
  void withdraw(ConsumerNumber consumer, bool counts, Now now);

  // --- position ---
  /// Everything before `next` counts as acknowledged, what is out stays out.
  void skip_to(EntryId next);
  /// Where skipping so many unacknowledged entries leads to; there are those of [first, end).
  [[nodiscard]] EntryId behind_next(std::uint64_t entries, EntryId first, EntryId end) const;
  /// They are not there any more and count as acknowledged, which is durable.
  void missing(const std::vector<storage::EntryRange>& ranges);
  /// What of them is neither acknowledged nor out nor waits.
  [[nodiscard]] std::vector<storage::EntryRange> nobodys(
      const std::vector<storage::EntryRange>& ranges) const;
  /// What lies before is acknowledged, nothing from it on. Nothing is out any more.
  void move_cursor(EntryId next);

  // --- what it knows ---
  [[nodiscard]] const storage::CursorState& cursor() const { return cursor_; }
  [[nodiscard]] EntryId read_position() const { return read_position_; }
  /// Entries in [first, end) that are not acknowledged.
  [[nodiscard]] std::uint64_t backlog(EntryId first, EntryId end) const {
    return backlog_of(cursor_, first, end);
  }
  [[nodiscard]] std::uint64_t unacked_count() const { return unacked_; }  ///< messages
  [[nodiscard]] std::uint64_t delayed_count() const { return delayed_.size(); }
  [[nodiscard]] std::uint64_t waiting_count() const { return waiting_.size(); }
  [[nodiscard]] std::uint64_t redelivered_count() const { return redelivered_; }
  [[nodiscard]] std::uint64_t messages_out() const { return messages_out_; }
  [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }
  /// Which bound is reached, so that unread entries stay unread until something is settled; empty: none.
  [[nodiscard]] std::string_view paused() const;
  /// When to ask again though nothing happened; nothing: never.
  [[nodiscard]] std::optional<base::MonotonicTime> next_due(Now now) const;

 private:
  static constexpr base::MonotonicTime kNever = base::MonotonicTime::max();
  struct Out {
    ConsumerNumber consumer = 0;
    std::uint32_t redeliveries = 0;
    std::uint32_t hash = 0;
    std::uint32_t messages = 1;
    std::uint32_t unacked = 0;  ///< of them, as the counts have it
    base::MonotonicTime ack_due = kNever;
    std::uint32_t settling = 0;    ///< acknowledgements of it that are on the way to the disk
    std::uint64_t settled_in = 0;  ///< the turn of the last of them
    bool withdrawn = false;        ///< from its consumer: where its acknowledgement fails it waits again
    bool keyed = false;            ///< keys_ counts it
    bool unread = false;           ///< nobody got it, and its acknowledgement is on the way
    bool counted_on = false;       ///< its consumer was told of parts whose acknowledgement is on the way
    /// It waited until then when it was acknowledged; where that fails it waits again.
    std::optional<base::MonotonicTime> waited_until;
  };
  struct Waiting {
    std::uint32_t redeliveries = 0;
    std::uint32_t hash = 0;
    std::uint32_t messages = 1;
    base::MonotonicTime due{};
    bool ready = false;      ///< stands in ready_, else in not_due_
    bool delivered = false;  ///< it was out before
  };
  /// A batch entry of which some messages are acknowledged or settling.
  struct Partly {
    AckBits accepted;             ///< both
    std::uint32_t in_flight = 0;  ///< acknowledgements of some messages that are on the way to the disk
    bool failed = false;          ///< one of them did not arrive
  };
  using OutMap = std::map<EntryId, Out>;
  using WaitingMap = std::map<EntryId, Waiting>;

  [[nodiscard]] bool key_shared() const { return options_.type == SubscriptionType::key_shared; }
  [[nodiscard]] bool one_active() const {
    return options_.type == SubscriptionType::exclusive || options_.type == SubscriptionType::failover;
  }
  [[nodiscard]] bool rate_allows(Now now) const {
    return options_.rate == nullptr || options_.rate->open(now.monotonic);
  }
  [[nodiscard]] bool is_acknowledged(EntryId entry) const;
  /// It is out or waits.
  [[nodiscard]] bool known(EntryId entry) const { return out_.contains(entry) || waiting_.contains(entry); }

  // dispatcher.cpp
  [[nodiscard]] static base::MonotonicTime later(Now now, std::chrono::milliseconds delay);
  void pass_on_from(ConsumerNumber before, Now now);
  void wake_due(Now now);
  [[nodiscard]] std::uint64_t state_bytes() const;
  void put_waiting(EntryId entry, Waiting state, Now now);
  void drop_waiting(WaitingMap::iterator at);
  /// Nobody will get it any more.
  void give_up_waiting(WaitingMap::iterator at);
  void make_ready(EntryId entry);
  [[nodiscard]] std::optional<EntryId> first_sendable() const;
  std::optional<Want> want_waiting();
  std::optional<Want> want_delayed();
  /// Of all who may get something now.
  struct Room {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };
  std::optional<Want> want_unread(EntryId end, Room room, Now now);
  /// The first from there on that is not acknowledged, or lies behind some that are.
  [[nodiscard]] EntryId behind_acknowledged(EntryId at) const;
  void feed_unread(const Want& want, std::vector<storage::Entry> entries, Now now);
  void feed_waiting(const Want& want, std::vector<storage::Entry> entries, EntryId known, Now now);
  void feed_delayed(const std::vector<storage::Entry>& entries);
  [[nodiscard]] bool loses(EntryId entry) const { return options_.lose_delayed && entry.value % 4 == 0; }
  /// Who may get this entry, of a key of this hash, now and has permits for it; 0: nobody.
  ConsumerNumber choose(const storage::EntryHeader& header, std::uint32_t hash);
  /// Shared: where it must not go to anybody now, because others of its message are with one who takes
  /// nothing now, or wait: since when it waits with them.
  [[nodiscard]] std::optional<base::MonotonicTime> waits_with_message(
      const storage::EntryHeader& header) const;
  [[nodiscard]] bool follows_ready_chunk(const storage::EntryHeader& header) const;
  void note_chunk(const storage::EntryHeader& header, ConsumerNumber to);
  void offer_waiting(storage::Entry entry, Now now);
  /// False: it stays unread. No consumer can take it, or its body is missing.
  bool offer_unread(const Want& want, storage::Entry& entry, Now now);
  void send(ConsumerNumber to, storage::Entry entry, std::uint32_t redeliveries, Now now);

  void start_ack_timeout(EntryId entry, Out& out, Now now);

  // dispatcher_acknowledge.cpp
  /// Who acknowledges, see begin_acknowledge().
  struct Settler {
    ConsumerNumber consumer = 0;
    bool whoever = false;
    std::uint64_t turn = 0;
  };
  [[nodiscard]] bool may_settle_up_to(ConsumerNumber consumer, EntryId last, bool whoever) const;
  [[nodiscard]] std::optional<std::uint32_t> messages_of(EntryId entry) const;
  void settle(const Settler& by, EntryId entry, Settling& settling);
  OutMap::iterator adopt(ConsumerNumber consumer, EntryId entry);
  void settle_up_to(const Settler& by, EntryId last, Settling& settling);
  void skip_unread(EntryId last, Settling& settling);
  void settle_batch(const Settler& by, EntryId entry, const AckBits& acknowledged, Settling& settling);
  void not_settled(OutMap::iterator at, Now now);
  void read_again_from(EntryId entry);
  void forget_what_failed(EntryId entry);

  // dispatcher_settle.cpp
  /// Of a batch that is not acknowledged as a whole.
  [[nodiscard]] AckBits durable_bits(EntryId entry) const;
  /// With those that are on the way to the disk: who acknowledged a part and comes again would get it twice.
  [[nodiscard]] AckBits accepted_bits(EntryId entry) const;
  void count_unacked(Out& out, std::uint32_t unacked);
  void release(OutMap::iterator at);
  void take_back(OutMap::iterator at, std::chrono::milliseconds delay, bool counts, Now now);
  void wait_until(OutMap::iterator at, base::MonotonicTime due, bool counts, Now now);

  DispatcherOptions options_;
  storage::CursorState cursor_;
  Send send_;
  EntryId read_position_;
  EntryId passed_to_;           ///< before it something that is read may be out or wait already
  EntryId skipped_from_;        ///< while skipping_
  std::uint32_t skipping_ = 0;  ///< acknowledgements with something that is not read, on the way to the disk
  std::uint64_t epoch_ = 0;
  Recipients recipients_;
  KeyOrder keys_;      ///< Key_Shared only
  ChunkOrder chunks_;  ///< a message has a consumer on Shared only
  OutMap out_;
  std::set<std::pair<base::MonotonicTime, EntryId>> ack_due_;
  std::map<EntryId, Partly> partly_;
  WaitingMap waiting_;
  std::set<EntryId> ready_;  ///< those that chunks_ keeps for their consumer are not here
  std::set<std::pair<base::MonotonicTime, EntryId>> not_due_;
  MemoryShare state_;  ///< as of the last entry that was read
  DelayIndex delayed_;
  bool delayed_had_turn_ = false;
  bool all_held_ = false;             ///< of what was read last nothing could be sent
  std::uint32_t usual_messages_ = 1;  ///< of an entry, as the last one had
  std::uint64_t unacked_ = 0, redelivered_ = 0, messages_out_ = 0, bytes_out_ = 0;
};

}  // namespace geminga::broker
