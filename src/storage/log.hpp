#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "base/clock.hpp"
#include "storage/entry.hpp"
#include "storage/ledgers.hpp"
#include "storage/sent_sequences.hpp"
#include "storage/transaction.hpp"

namespace geminga::base {
class FileSystem;
}

namespace geminga::storage {

/// Switches that break a promise on purpose, for the tests that must notice. Never set otherwise.
struct UnsafeOptions {
  bool no_fsync = false;
  bool ack_before_sync = false;
  bool no_dirsync = false;
  bool skip_crc = false;
  bool cursor_ahead = false;          ///< an acknowledgement covers what lies between its entries too
  bool lose_delayed = false;          ///< some messages that are held until their time are forgotten
  bool dedup_before_persist = false;  ///< what is sent again counts as stored while the first is on its way
  /// With ack_before_sync: so long a group lies in this process after its receipts. A kill finds it there;
  /// what the kernel has, a kill does not take.
  std::chrono::milliseconds write_delay{0};
};

struct LogOptions {
  std::filesystem::path directory;               ///< exists and is locked by this process
  std::string directory_uuid;                    ///< every file carries it
  std::uint64_t journal_bytes_max = 1ULL << 30;  ///< over it publishing slows, then is refused
  std::uint64_t journal_file_bytes = 64ULL << 20;
  std::uint64_t memory_table_bytes = 64ULL << 20;    ///< flushed to a segment when full
  std::uint64_t publish_budget_bytes = 64ULL << 20;  ///< given but not durable yet; over it: overloaded
  /// Number of commits of the metadata store now (DirectoryRow::sequence). A checkpoint that was written with
  /// a higher one refuses the start: an old metadata file was put back. 0: not checked.
  std::uint64_t metadata_sequence = 0;
  UnsafeOptions unsafe;
};

/// The durable position of one subscription: everything before `next` and everything in `acknowledged`
/// (disjoint, sorted, all behind `next`) is acknowledged.
struct CursorState {
  EntryId next;
  std::vector<EntryRange> acknowledged;
  std::vector<BatchAck> batches;
};

/// What the log knows of a topic, durable parts only.
struct TopicState {
  Ledgers ledgers;
  EntryId first;                 ///< oldest entry still kept
  EntryId next;                  ///< id of the next entry
  std::uint64_t next_index = 0;  ///< message index of the next entry
  Timestamp last_publish_time{};
  std::uint64_t stored_bytes = 0;
  std::map<SubscriptionId, CursorState> cursors;
  std::string
      offline_reason;  ///< not empty: damage; reads and publishes fail with topic_offline and this text
  /// The damage stands in no file any more, so checkpoints must say it. Else every start sees for itself, and
  /// a file that was put back is read again.
  bool offline_lasts = true;
};

/// Called on the journal thread where nothing else is said; must not block.
class LogListener {
 public:
  virtual ~LogListener() = default;
  /// Entries that became durable, in log order, before the `done` of the same group. Nothing else may ever be
  /// delivered. What is posted here and by `done` wakes its loop behind the last `done`
  /// (base::PostsTogether).
  virtual void on_durable(std::span<const Entry> entries) = 0;
  /// A write or fsync failed: every later transaction fails with disk_error. The program ends with exit
  /// code 74.
  virtual void on_disk_error(const Error& error) = 0;
  /// Dropped topics that no file names any more: a durable checkpoint covers their drop. Background thread,
  /// or that of open() or close().
  virtual void on_forgotten(std::span<const TopicId> topics) { static_cast<void>(topics); }
};

struct ReadRequest {
  TopicId topic;
  EntryId from;
  std::uint32_t entries_max = 1'000;
  std::uint64_t bytes_max = 1ULL << 20;  ///< at least one entry is returned, whatever its size
  /// Bodies are not asked for: those on the disk are left out, not checked and, where they are large, not
  /// read.
  bool headers_only = false;
};

struct LogStats {
  std::uint64_t groups = 0, records = 0, appended_bytes = 0, syncs = 0, duplicates = 0;
  std::uint64_t journal_bytes = 0, memory_table_bytes = 0, segments = 0, segment_bytes = 0,
                publish_budget_used = 0;
  std::uint64_t journal_held_bytes = 0;  ///< of files that wait for a checkpoint
  std::uint64_t journal_bytes_max = 0, memory_table_bytes_max = 0, publish_budget_bytes_max = 0;
  std::uint64_t answered_early = 0;  ///< transactions, see Log::set_async
  std::chrono::nanoseconds last_sync{0};
  std::uint64_t torn_bytes_cut = 0;      ///< at the last start
  std::uint64_t segments_rewritten = 0;  ///< since the start, because less than half of them lived
};

/// The log of a data directory: one journal with group commit, a memory table behind it, segments that all
/// topics share, and the durable positions. One group is in flight at a time; the next one forms meanwhile.
/// docs/formats describes the files, ARCHITECTURE.md the order of writes. Speaks to the disk through
/// base::FileSystem only.
class Log {
 public:
  /// Recovers. `live_topics` and `tombstoned_topics` come from the metadata store: records of a tombstoned
  /// topic are skipped, one of an unknown topic refuses the start ("metadata older than the log"). `listener`
  /// must outlive the log. Errors: corrupted, format_too_new, disk_error.
  static Result<std::unique_ptr<Log>> open(base::FileSystem& files, base::Clock& clock, LogOptions options,
                                           const std::set<TopicId>& live_topics,
                                           const std::set<TopicId>& tombstoned_topics, LogListener& listener);
  ~Log();

  /// Calls with the durable state of every topic that has records, in no order and under a lock: it must not
  /// call the log. Any thread; for the start, when it is what recovery found.
  void visit(const std::function<void(TopicId, const TopicState&)>& visitor) const;

  /// Any thread; never blocks, never waits for the disk.
  void submit(Transaction transaction);

  /// Durable entries from `from` on (or from the oldest kept, when that is later), in order; empty at the
  /// end only, but perhaps fewer than the limits allow. The callback comes once: at once on the caller's
  /// thread when all is in memory, else on a reader thread of the log. Any thread. Errors: topic_offline,
  /// disk_error, closed.
  void read(ReadRequest request, std::move_only_function<void(Result<std::vector<Entry>>)> done);

  /// Checkpoints from now on need the metadata store to have come this far. Any thread.
  void needs_metadata(std::uint64_t sequence);

  /// Appends to the topic that are not in a group yet are refused with topic_terminated from now on, or no
  /// longer. Not durable: whoever seals does it again after a start. Any thread.
  void seal(TopicId topic, bool sealed);

  /// From now on a transaction of nothing but appends to such topics is answered as soon as it has its ids,
  /// up to `within` (the least of its topics') before its group is written; 0, the default: when it is
  /// durable. It counts against the publish budget until it is durable, and is not delivered, read or taken
  /// for the original of a duplicate before. A crash loses at most what was answered in that time; ids that
  /// were named so are never given again. Not durable: whoever sets it does it again after a start. Any
  /// thread.
  void set_async(TopicId topic, std::chrono::milliseconds within);
  /// Behind the last entry that was answered so; 0: none was since the start. It is durable when
  /// TopicState::next is not less. Any thread.
  [[nodiscard]] EntryId answered_before(TopicId topic) const;

  /// From it on the topic takes at most `bytes` on the disk; near to an extent's length. Any thread.
  [[nodiscard]] EntryId first_within(TopicId topic, std::uint64_t bytes) const;
  /// What is durable of a producer's name, by its hash; nothing: nothing. Any thread.
  [[nodiscard]] std::optional<SentSequence> sent_sequence(TopicId topic, std::uint64_t producer) const;
  /// A producer of that name is (true) or is no longer (false) connected: while one is, the name is not
  /// forgotten. Calls come in pairs. Any thread.
  void hold_sequence(TopicId topic, std::uint64_t producer, bool connected);

  /// The durable state of a topic now. Any thread; not on the message path.
  [[nodiscard]] Result<TopicState> state(TopicId topic) const;
  [[nodiscard]] LogStats stats() const;

  /// Writes what is pending, then a checkpoint, so that the next start is quick. Idempotent. Later submits
  /// fail with `closed`. Errors: disk_error (now or before; what was acknowledged is there), disk_full.
  Result<> close();

 private:
  class Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace geminga::storage
