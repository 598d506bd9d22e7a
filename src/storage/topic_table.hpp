#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <geminga/error.hpp>

#include "storage/log.hpp"
#include "storage/operation_codec.hpp"
#include "storage/segment.hpp"

namespace geminga::storage {

/// What a synced group brought, in the order of the log.
struct AppliedGroup {
  struct Other {
    std::size_t entries_before = 0;  ///< how many of `entries` come first
    JournalOperation operation;
  };
  std::uint64_t number = 0;
  std::vector<Entry> entries;
  std::vector<Other> others;
  std::uint64_t memory_bytes = 0;  ///< held by the owners of the entries
};

/// What it takes of a segment.
inline std::uint64_t stored_bytes(const Entry& entry) {
  return kEntryHeaderBytes + entry.header.body_bytes;
}

/// A topic of the log.
struct Topic {
  /// Given out, perhaps not durable yet. Journal thread only.
  struct Assigned {
    LedgerId ledger;
    EntryId next;
    std::uint64_t next_index = 0;
    Timestamp last_publish_time{};
    bool dropped = false;
  } assigned;

  std::atomic<bool> offline{false};
  std::atomic<bool> sealed{false};
  std::atomic<std::chrono::milliseconds> async{};  ///< see Log::set_async
  std::atomic<EntryId> answered_before{};          ///< see Log::answered_before
  std::uint64_t async_found_in = 0;                ///< journal thread; see TopicTable::recovery_finds_async

  // Guarded by the table's mutex: what is durable. Written by the journal thread, which reads without it.
  TopicState state;
  SentSequences sequences;
  std::vector<Extent> extents;  ///< ascending, without the dead ones
  std::vector<Entry> frozen;    ///< on their way to a segment; behind the extents
  std::vector<Entry> active;    ///< behind `frozen`
};

/// All topics with their durable state and the memory table. The journal thread is the only one that adds,
/// removes and applies; everybody may read.
class TopicTable {
 public:
  // --- journal thread (and the start) ---
  /// Makes it when it is not there. Nothing when the topic was dropped.
  Topic* find_or_add(TopicId id);
  /// Nothing when it is not there.
  Topic* find(TopicId id);
  /// A drop of the topic is on its way to the disk, or was refused.
  void set_dropped(TopicId id, bool dropped);
  /// No record can bring these back.
  void add_dropped(const std::set<TopicId>& ids) { dropped_.insert(ids.begin(), ids.end()); }
  [[nodiscard]] bool was_dropped(TopicId id) const { return dropped_.contains(id); }
  void apply(AppliedGroup& group);
  /// Whether the entries of a group from the disk follow what is there. Errors: corrupted.
  [[nodiscard]] Result<> check_sequence(const AppliedGroup& group) const;
  /// Ends the active table: what it holds is for the next segment. Calls `snapshot` with the states as of
  /// now, under the lock.
  void freeze(
      std::move_only_function<void(const std::unordered_map<TopicId, std::unique_ptr<Topic>>&)> snapshot);
  /// A checkpoint of what was applied so far is on its way: a recovery might not read it again.
  void begin_checkpoint() { ++checkpoint_; }
  /// A recovery from here on would see an entry of the topic with EntryFlags::kAsync. Only then ids may be
  /// named that are not on the disk: such a recovery begins a new ledger, so that they come from it no more.
  [[nodiscard]] bool recovery_finds_async(const Topic& topic) const {
    return topic.async_found_in == checkpoint_;
  }
  /// Takes a freeze() back of which nothing was installed: what was applied since stands behind it.
  void thaw();
  /// Topics whose drop became durable since the last call.
  [[nodiscard]] std::vector<TopicId> take_drops() { return std::exchange(drops_, {}); }
  /// Nothing durable of that producer: null. Valid until the next apply() or forget_idle_sequences().
  [[nodiscard]] const SentSequence* durable_sequence(TopicId topic, std::uint64_t producer) const;
  /// Names that nobody uses, by time and by number.
  void forget_idle_sequences(base::MonotonicTime now);
  [[nodiscard]] LedgerId next_ledger() const { return next_ledger_; }
  LedgerId take_ledger() { return LedgerId{next_ledger_.value++}; }
  void set_next_ledger(LedgerId ledger) { next_ledger_ = ledger; }
  /// Start: a topic as a checkpoint has it.
  void restore(TopicId id, TopicState state, SentSequences sequences);
  /// Start: an extent of a restored topic. False when the topic is not there.
  bool restore(TopicId id, const Extent& extent);
  /// After recovery: ids go on behind what is durable, in a new ledger where others may have been named.
  void assign_from_durable();

  // --- any thread ---
  /// Entries in memory, or the extents that hold them: exactly one of the two is not empty, or both are at
  /// the end of the topic.
  struct ReadPlan {
    std::vector<Entry> entries;
    std::vector<Extent> extents;
    EntryId from;
  };
  Result<ReadPlan> plan_read(const ReadRequest& request) const;
  Result<TopicState> state(TopicId id) const;
  /// From it on the topic takes at most `bytes` on the disk: exact in memory, by proportion in an extent.
  [[nodiscard]] EntryId first_within(TopicId topic, std::uint64_t bytes) const;
  [[nodiscard]] std::optional<SentSequence> sent_sequence(TopicId topic, std::uint64_t producer) const;
  void hold_sequence(TopicId topic, std::uint64_t producer, bool connected, base::MonotonicTime now);
  [[nodiscard]] std::string offline_reason(TopicId id) const;
  /// See Log::seal.
  void seal(TopicId id, bool sealed);
  /// See Log::set_async.
  void set_async(TopicId id, std::chrono::milliseconds within);
  /// See Log::answered_before.
  [[nodiscard]] EntryId answered_before(TopicId id) const;
  /// `lasts`: see TopicState.
  void take_offline(TopicId id, const std::string& reason, bool lasts);
  [[nodiscard]] std::uint64_t active_bytes() const { return active_bytes_.load(); }
  [[nodiscard]] std::uint64_t memory_bytes() const { return active_bytes_.load() + frozen_bytes_.load(); }

  // --- background thread ---
  struct FrozenRun {
    TopicId topic;
    std::vector<Entry> entries;  ///< those that were trimmed meanwhile left out
  };
  /// Sorted by topic.
  [[nodiscard]] std::vector<FrozenRun> frozen_runs() const;
  struct NewExtent {
    TopicId topic;
    Extent extent;
  };
  /// The frozen entries stand in these extents now. Those of topics that are gone are dead.
  void install(const std::vector<NewExtent>& extents);
  /// The first entry of the extent that is still needed, if any is.
  [[nodiscard]] std::optional<EntryId> live_from(TopicId topic, const Extent& extent) const;
  /// What is needed of `from` stands in `to` now. When nothing of it is needed any more, `to` is dead.
  void move(TopicId topic, const Extent& from, const Extent& to);
  /// Extents that died since the last call.
  [[nodiscard]] std::vector<Extent> take_dead();
  /// Calls with every topic, under the lock.
  void visit(const std::function<void(TopicId, const Topic&)>& visitor) const;

 private:
  void insert(Entry& entry);
  void forget_idle(TopicId id, SentSequences& sequences, base::MonotonicTime now);
  void apply_operation(const JournalOperation& operation);
  void apply(const Acknowledge& acknowledge);
  void apply(const SetCursor& set);
  void apply(const DropCursor& drop);
  void apply(const DropTopic& drop);
  void apply(const Trim& trim);

  LedgerId next_ledger_{1};              // journal thread
  std::uint64_t checkpoint_ = 1;         // journal thread; counts begin_checkpoint()
  std::unordered_set<TopicId> dropped_;  // journal thread
  std::vector<TopicId> drops_;           // journal thread
  std::vector<Topic*> with_active_;      // journal thread; topics whose `active` is not empty
  std::atomic<std::uint64_t> active_bytes_{0};
  std::atomic<std::uint64_t> frozen_bytes_{0};

  mutable std::mutex mutex_;  // guards what follows, and the durable part of each topic
  std::unordered_map<TopicId, std::unique_ptr<Topic>> topics_;    // changed by the journal thread only
  std::unordered_set<TopicId> sealed_;                            ///< also of topics that have no record yet
  std::unordered_map<TopicId, std::chrono::milliseconds> async_;  ///< the same
  std::vector<Extent> dead_;
  /// Who is connected, or was lately.
  struct Hold {
    std::uint32_t producers = 0;
    base::MonotonicTime last_seen{};
  };
  std::map<std::pair<TopicId, std::uint64_t>, Hold> holds_;
  std::optional<base::MonotonicTime> opened_;  ///< nobody was seen before
};

}  // namespace geminga::storage
