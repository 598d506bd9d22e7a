#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "storage/background.hpp"
#include "storage/checkpoint.hpp"
#include "storage/group_builder.hpp"
#include "storage/journal_files.hpp"
#include "storage/journal_scan.hpp"
#include "storage/log.hpp"
#include "storage/read_threads.hpp"
#include "storage/recovery_spill.hpp"
#include "storage/segment_store.hpp"
#include "storage/submit_queue.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

/// The parts of a log and its threads: the journal thread forms, writes and answers groups; Background does
/// what comes behind it; ReadThreads read segments.
class Log::Impl {
 public:
  Impl(base::FileSystem& files, base::Clock& clock, LogOptions options, LogListener& listener);
  ~Impl();

  // --- start (log_start.cpp) ---
  Result<> recover(const std::set<TopicId>& live, const std::set<TopicId>& tombstoned);
  Result<> start_threads();

  // --- any thread ---
  void submit(Transaction transaction);
  void read(ReadRequest request, std::move_only_function<void(Result<std::vector<Entry>>)> done);
  [[nodiscard]] Result<TopicState> state(TopicId topic) const { return topics_.state(topic); }
  [[nodiscard]] LogStats stats() const;
  void seal(TopicId topic, bool sealed) { topics_.seal(topic, sealed); }
  void set_async(TopicId topic, std::chrono::milliseconds within) { topics_.set_async(topic, within); }
  [[nodiscard]] EntryId answered_before(TopicId topic) const { return topics_.answered_before(topic); }
  [[nodiscard]] EntryId first_within(TopicId topic, std::uint64_t bytes) const {
    return topics_.first_within(topic, bytes);
  }
  [[nodiscard]] std::optional<SentSequence> sent_sequence(TopicId topic, std::uint64_t producer) const {
    return topics_.sent_sequence(topic, producer);
  }
  void hold_sequence(TopicId topic, std::uint64_t producer, bool connected) {
    topics_.hold_sequence(topic, producer, connected, clock_.monotonic_now());
  }
  void needs_metadata(std::uint64_t sequence) { background_.needs_metadata(sequence); }
  Result<> close();
  void visit(const std::function<void(TopicId, const TopicState&)>& visitor) const {
    topics_.visit([&](TopicId id, const Topic& topic) { visitor(id, topic.state); });
  }

 private:
  // --- start ---
  Result<ScanResult> read_everything(const std::set<TopicId>& live);
  [[nodiscard]] Result<> refuse_what_had_a_checkpoint() const;
  Result<bool> load_checkpoint();
  Result<bool> clean_marker();
  Result<ScanResult> read_journal(bool clean);
  Result<> replay(const ScannedGroup& group);
  void take_offline(const ScannedGroup& group, const JournalRecord& record, std::size_t damaged);
  Result<> refuse_unknown_topics(const std::set<TopicId>& live) const;
  Result<> begin_journal(ScanResult scan);
  Result<> remove_leftovers(const std::vector<JournalSpare>& spares);
  [[nodiscard]] CheckpointStates freeze();
  Result<> write_clean_marker();
  Result<> write_last_checkpoint();
  Result<> end(bool started);

  // --- journal thread (log_journal.cpp) ---
  void run_journal();
  struct Batch {
    std::vector<Submitted> chosen;
    std::uint64_t record_bytes = 0;
    std::uint64_t budget = 0;
    bool publishes = false;
  };
  Batch choose(std::vector<Submitted>& backlog, std::size_t& at);
  [[nodiscard]] Result<> admit(Submitted& submitted);
  Result<> make_room(Batch& batch);
  Result<> ask_room(std::uint64_t bytes, RoomFor who);
  Result<> make_room_for_upkeep(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t group_bytes_max() const;
  /// All of it, or what publishes.
  void refuse_from(Batch& batch, const Error& error, bool all);
  /// Adds to the group that forms, and writes it where somebody waits for the disk.
  void take_in(Batch batch);
  void answer_early(Submitted& submitted);
  void write_waiting();
  void write_group(Batch batch);
  void complete(Group& group);
  void throttle(Batch& batch);
  [[nodiscard]] bool journal_over_limit() const;
  void flush();
  [[nodiscard]] bool over_limits() const;
  void flush_when_due();
  void refuse(Submitted& submitted, const Error& error);
  void fail_for_good(const Error& error);

  // const after the constructor
  base::FileSystem& files_;
  base::Clock& clock_;
  const LogOptions options_;
  LogListener& listener_;
  const RawUuid uuid_;

  // start only, then const
  std::uint64_t torn_bytes_cut_ = 0;
  bool first_start_ = false;
  bool older_checkpoint_ = false;

  SubmitQueue queue_;
  TopicTable topics_;
  JournalFiles journal_;
  SegmentStore segments_;
  Background background_;
  RecoverySpill spill_{topics_, segments_, background_};
  ReadThreads reads_;

  // journal thread
  GroupBuilder builder_;
  std::uint64_t last_group_ = 0;
  std::optional<Error> failure_;
  /// The group that forms. All of it is answered, and the journal has room for it.
  Batch waiting_;
  std::optional<std::chrono::steady_clock::time_point> waits_until_;  // where it is not empty
  std::uint64_t bytes_since_freeze_ = 0;

  // any thread
  std::atomic<std::uint64_t> groups_{0}, records_{0}, appended_bytes_{0}, syncs_{0}, duplicates_{0},
      answered_early_{0};
  std::atomic<std::int64_t> last_sync_ns_{0};

  std::mutex close_mutex_;  // makes close() idempotent
  bool closed_ = false;
  Result<> close_result_;
  std::thread journal_thread_;
};

}  // namespace geminga::storage
