#include "storage/log.hpp"

#include "base/assert.hpp"
#include "base/try.hpp"
#include "storage/log_impl.hpp"

namespace geminga::storage {

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
      builder_(topics_, clock_, uuid_) {}

Log::Impl::~Impl() {
  static_cast<void>(close());
}

void Log::Impl::start_threads() {
  journal_thread_ = std::thread([this] { run_journal(); });
}

void Log::Impl::submit(Transaction transaction) {
  if (queue_.push(transaction)) return;
  if (transaction.done) transaction.done(fail(ErrorCode::closed, "the log is closed"));
}

void Log::Impl::read(ReadRequest request, std::move_only_function<void(Result<std::vector<Entry>>)> done) {
  auto plan = topics_.plan_read(request);
  if (!plan) return done(std::unexpected(std::move(plan).error()));
  done(std::move(plan->entries));
}

LogStats Log::Impl::stats() const {
  LogStats stats;
  stats.groups = groups_;
  stats.records = records_;
  stats.appended_bytes = appended_bytes_;
  stats.syncs = syncs_;
  stats.journal_bytes = journal_.bytes();
  stats.memory_table_bytes = topics_.memory_bytes();
  stats.publish_budget_used = queue_.budget_used();
  stats.last_sync = std::chrono::nanoseconds(last_sync_ns_);
  stats.torn_bytes_cut = torn_bytes_cut_;
  return stats;
}

Result<> Log::Impl::close() {
  const std::lock_guard lock(close_mutex_);
  if (std::exchange(closed_, true)) return {};
  queue_.close();
  if (journal_thread_.joinable()) journal_thread_.join();
  return {};
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(base::FileSystem& files, base::Clock& clock, LogOptions options,
                                       const std::set<TopicId>& live_topics,
                                       const std::set<TopicId>& tombstoned_topics, LogListener& listener) {
  auto impl = std::make_unique<Impl>(files, clock, std::move(options), listener);
  GEMINGA_TRY_VOID(impl->recover(live_topics, tombstoned_topics));
  impl->start_threads();
  return std::unique_ptr<Log>(new Log(std::move(impl)));
}

const std::map<TopicId, TopicState>& Log::recovered() const {
  return impl_->recovered();
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
LogStats Log::stats() const {
  return impl_->stats();
}
Result<> Log::close() {
  return impl_->close();
}

}  // namespace geminga::storage
