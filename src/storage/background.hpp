#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include <geminga/error.hpp>

#include "base/file_system.hpp"
#include "storage/checkpoint.hpp"
#include "storage/journal_files.hpp"
#include "storage/log.hpp"
#include "storage/segment_store.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

/// What happens behind the journal: frozen entries become a segment, then a checkpoint covers them, then dead
/// segments go and journal files are recycled; the next journal file is prepared; free space is watched. The
/// order of these writes is such that a kill between any two loses nothing.
class Background {
 public:
  struct Parts {
    base::FileSystem& files;
    const LogOptions& options;
    RawUuid uuid{};
    TopicTable& topics;
    JournalFiles& journal;
    SegmentStore& segments;
    LogListener& listener;
  };
  /// `wake_journal` is called on the background thread when the disk failed, and when wants_flush().
  Background(Parts parts, std::function<void()> wake_journal);
  ~Background() { stop(); }

  // --- start and end, no thread running ---
  /// Segment, checkpoint and recycling of what was frozen with `states`, here and now; what fails stays to be
  /// finished.
  Result<> flush_now(CheckpointStates states);
  /// What the thread had not finished when it was stopped.
  Result<> finish_pending();
  /// What the checkpoint on the disk does not need: these segments, and journal files with groups up to
  /// `covered`. It goes now, or when nobody copies the directory any more.
  Result<> not_needed(std::vector<std::uint64_t> segments, std::uint64_t covered);
  /// Segment only, here: see RecoverySpill.
  Result<> spill();
  /// Errors: unavailable (no thread can be had).
  Result<> start();
  void stop();
  void needs_metadata(std::uint64_t sequence);

  // --- journal thread ---
  /// The same as flush_now() on the background thread. Only when idle().
  void flush(CheckpointStates states);
  [[nodiscard]] bool idle() const;
  /// Until idle, failed, stopping or the disk is full.
  void wait_idle();
  /// A flush is due although little is in memory: segments of which less than half lives would go with it.
  [[nodiscard]] bool wants_flush() const { return wants_flush_.load(std::memory_order_relaxed); }
  /// A journal file was used up.
  void wake();
  /// Until everything that there is to do was tried once, from now on.
  void wait_step();

  // --- any thread ---
  [[nodiscard]] bool disk_full() const { return disk_full_.load(std::memory_order_relaxed); }
  /// Somebody copies the directory, or may: no checkpoint gives a journal file back.
  [[nodiscard]] bool copied() const { return copied_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::optional<Error> failure() const;
  [[nodiscard]] std::uint64_t segments_rewritten() const { return segments_rewritten_; }

 private:
  struct Pending {
    CheckpointStates states;
    bool in_segment = false;  ///< the entries are done, the checkpoint is not
  };
  void run();
  void step();
  void watch_space();
  Result<> advance(Pending& pending);
  /// Frees segments that died since the last checkpoint, without waiting for the next one.
  Result<> reclaim();
  /// Removes and recycles what the durable checkpoint does not need, unless somebody copies the directory.
  Result<> let_go();
  void tell_of_copy(const Result<bool>& copied);
  void find_empty_segments();
  /// Moves what lives in sparse segments into a new one; they go after the next checkpoint.
  Result<> rewrite_sparse();
  [[nodiscard]] std::vector<std::uint64_t> find_sparse() const;
  void look_for_sparse();
  void want_flush();
  [[nodiscard]] std::filesystem::path checkpoint_path() const {
    return parts_.options.directory / kCheckpointFile;
  }
  [[nodiscard]] Result<Checkpoint> read_checkpoint() const;
  /// Its bytes when the segments that may go are not in it any more.
  [[nodiscard]] std::string without_removable(Checkpoint checkpoint) const;
  Result<> write_checkpoint(const CheckpointStates& states);
  Result<> replace_checkpoint(const std::string& bytes);
  void fail_with(const Error& error);
  /// False when `result` is an error that ends this step.
  bool went_on(const Result<>& result);
  void set_disk_full(bool low, bool refused);

  const Parts parts_;
  const std::function<void()> wake_journal_;
  std::atomic<bool> disk_full_{false};
  std::atomic<bool> wants_flush_{false};
  std::atomic<bool> copied_{false};
  std::atomic<std::uint64_t> segments_rewritten_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> metadata_sequence_{0};

  // background thread
  std::vector<std::uint64_t> removable_;  // segments whose files may go after the next checkpoint
  std::vector<std::uint64_t> rewritten_;  // the same, but only after one with the new extents
  // What the durable checkpoint does not need any more, until it may go.
  std::vector<std::uint64_t> unneeded_;   // segments
  std::optional<std::uint64_t> covered_;  // groups
  std::vector<TopicId> forgotten_;        // dropped topics
  std::chrono::steady_clock::time_point last_checkpoint_{};
  bool low_ = false;       // too little free space
  bool refused_ = false;   // a write of ours got no space
  bool hindered_ = false;  // no file could be opened

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::optional<Pending> pending_;
  std::optional<Error> failure_;
  bool work_ = false;
  std::uint64_t steps_begun_ = 0;
  std::uint64_t steps_ended_ = 0;
  std::thread thread_;
};

}  // namespace geminga::storage
