#include "storage/log.hpp"

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/thread.hpp"
#include "base/try.hpp"
#include "storage/disk_bounds.hpp"
#include "storage/log_impl.hpp"

namespace geminga::storage {
namespace {

void log_what_is_less(const LogOptions& wanted, const LogOptions& fitting, std::uint64_t disk_bytes) {
  if (wanted.journal_file_bytes == fitting.journal_file_bytes &&
      wanted.memory_table_bytes == fitting.memory_table_bytes &&
      wanted.journal_bytes_max == fitting.journal_bytes_max)
    return;
  log::info("storage",
            "the disk has {} bytes: journal files have {} bytes each (not {}), the journal {} (not {}), the "
            "memory table {} (not {})",
            disk_bytes, fitting.journal_file_bytes, wanted.journal_file_bytes, fitting.journal_bytes_max,
            wanted.journal_bytes_max, fitting.memory_table_bytes, wanted.memory_table_bytes);
}

}  // namespace

Log::Impl::Impl(base::FileSystem& files, base::Clock& clock, LogOptions options, LogListener& listener)
    : files_(files),
      clock_(clock),
      options_(std::move(options)),
      listener_(listener),
      uuid_(raw_uuid(options_.directory_uuid)),
      queue_(options_.publish_budget_bytes),
      journal_(files, {.directory = options_.directory,
                       .file_bytes = options_.journal_file_bytes,
                       .no_fsync = options_.unsafe.no_fsync,
                       .no_dirsync = options_.unsafe.no_dirsync}),
      segments_(files, {.directory = options_.directory,
                        .uuid = uuid_,
                        .no_dirsync = options_.unsafe.no_dirsync,
                        .skip_crc = options_.unsafe.skip_crc}),
      background_({.files = files_,
                   .options = options_,
                   .uuid = uuid_,
                   .topics = topics_,
                   .journal = journal_,
                   .segments = segments_,
                   .listener = listener_},
                  [this] { queue_.poke(); }),
      reads_(topics_, segments_),
      builder_(topics_, clock_, uuid_, options_.memory_table_bytes / 2,
               options_.unsafe.dedup_before_persist) {}

Log::Impl::~Impl() {
  static_cast<void>(close());
}

Result<> Log::Impl::start_threads() {
  GEMINGA_TRY_VOID(background_.start());
  GEMINGA_TRY(journal_thread_, base::start_thread([this] { run_journal(); }));
  return {};
}

void Log::Impl::submit(Transaction transaction) {
  if (queue_.push(transaction)) return;
  if (transaction.done) transaction.done(fail(ErrorCode::closed, "the log is closed"));
}

void Log::Impl::read(ReadRequest request, std::move_only_function<void(Result<std::vector<Entry>>)> done) {
  auto plan = topics_.plan_read(request);
  if (!plan) return done(std::unexpected(std::move(plan).error()));
  if (plan->extents.empty()) return done(std::move(plan->entries));
  reads_.read(request, std::move(done));
}

LogStats Log::Impl::stats() const {
  LogStats stats;
  stats.groups = groups_;
  stats.records = records_;
  stats.appended_bytes = appended_bytes_;
  stats.syncs = syncs_;
  stats.duplicates = duplicates_;
  stats.answered_early = answered_early_;
  stats.journal_bytes = journal_.bytes();
  stats.journal_held_bytes = journal_.held_bytes();
  stats.memory_table_bytes = topics_.memory_bytes();
  stats.segments = segments_.count();
  stats.segment_bytes = segments_.bytes();
  stats.publish_budget_used = queue_.budget_used();
  stats.journal_bytes_max = options_.journal_bytes_max;
  stats.memory_table_bytes_max = options_.memory_table_bytes;
  stats.publish_budget_bytes_max = options_.publish_budget_bytes;
  stats.last_sync = std::chrono::nanoseconds(last_sync_ns_);
  stats.torn_bytes_cut = torn_bytes_cut_;
  stats.segments_rewritten = background_.segments_rewritten();
  return stats;
}

Result<> Log::Impl::close() {
  const std::lock_guard lock(close_mutex_);
  if (std::exchange(closed_, true)) return close_result_;
  queue_.close();
  const bool started = journal_thread_.joinable();
  if (started) journal_thread_.join();
  background_.stop();
  reads_.stop();
  close_result_ = end(started);
  return close_result_;
}

Result<> Log::Impl::end(bool started) {
  if (!started) return {};  // after a failed start nothing was to be changed
  // After a disk error nothing is written any more.
  if (failure_) return std::unexpected(*failure_);
  if (const auto failed = background_.failure()) return std::unexpected(*failed);
  return write_last_checkpoint();
}

Result<> Log::Impl::write_last_checkpoint() {
  GEMINGA_TRY_VOID(background_.finish_pending());
  if (last_group_ == 0) return {};  // never written to
  GEMINGA_TRY_VOID(background_.flush_now(freeze()));
  return write_clean_marker();
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(base::FileSystem& files, base::Clock& clock, LogOptions options,
                                       const std::set<TopicId>& live_topics,
                                       const std::set<TopicId>& tombstoned_topics, LogListener& listener) {
  if (const auto space = files.space(options.directory)) {
    const LogOptions wanted = options;
    options = fit_to_disk(std::move(options), space->total_bytes);
    log_what_is_less(wanted, options, space->total_bytes);
  }
  auto impl = std::make_unique<Impl>(files, clock, std::move(options), listener);
  GEMINGA_TRY_VOID(impl->recover(live_topics, tombstoned_topics));
  GEMINGA_TRY_VOID(impl->start_threads());
  return std::unique_ptr<Log>(new Log(std::move(impl)));
}

void Log::visit(const std::function<void(TopicId, const TopicState&)>& visitor) const {
  impl_->visit(visitor);
}
void Log::submit(Transaction transaction) {
  impl_->submit(std::move(transaction));
}
void Log::read(ReadRequest request, std::move_only_function<void(Result<std::vector<Entry>>)> done) {
  impl_->read(request, std::move(done));
}
Result<TopicState> Log::state(TopicId topic) const {
  return impl_->state(topic);
}
void Log::seal(TopicId topic, bool sealed) {
  impl_->seal(topic, sealed);
}

void Log::set_async(TopicId topic, std::chrono::milliseconds within) {
  impl_->set_async(topic, within);
}

EntryId Log::answered_before(TopicId topic) const {
  return impl_->answered_before(topic);
}

EntryId Log::first_within(TopicId topic, std::uint64_t bytes) const {
  return impl_->first_within(topic, bytes);
}
std::optional<SentSequence> Log::sent_sequence(TopicId topic, std::uint64_t producer) const {
  return impl_->sent_sequence(topic, producer);
}
void Log::hold_sequence(TopicId topic, std::uint64_t producer, bool connected) {
  impl_->hold_sequence(topic, producer, connected);
}
void Log::needs_metadata(std::uint64_t sequence) {
  impl_->needs_metadata(sequence);
}
LogStats Log::stats() const {
  return impl_->stats();
}
Result<> Log::close() {
  return impl_->close();
}

}  // namespace geminga::storage
