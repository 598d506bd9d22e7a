#include "storage/metadata_commits.hpp"

#include <pthread.h>

#include "base/log.hpp"
#include "base/thread.hpp"

namespace geminga::storage {
namespace {

/// Nobody knows what the disk holds now, or it holds damage. Everything else passes.
bool ends_it(const Error& error) {
  return error.code == ErrorCode::disk_error || error.code == ErrorCode::corrupted;
}

Error in_words(Error error) {
  error.message = "metadata: " + error.message;
  if (error.code != ErrorCode::directory_locked) return error;
  return {
      ErrorCode::unavailable,
      error.message + ". Another program holds the file, an sqlite3 shell perhaps; close it and try again"};
}

}  // namespace

Result<std::unique_ptr<MetadataCommits>> MetadataCommits::start(std::unique_ptr<Sqlite> database,
                                                                std::uint64_t sequence) {
  std::unique_ptr<MetadataCommits> commits(new MetadataCommits(std::move(database), sequence));
  GEMINGA_TRY(commits->thread_, base::start_thread([at = commits.get()] { at->run(); }));
  return commits;
}

MetadataCommits::~MetadataCommits() {
  static_cast<void>(close());
}

void MetadataCommits::on_commit(std::function<void(std::uint64_t)> hook) {
  const std::lock_guard lock(mutex_);
  on_commit_ = std::move(hook);
}

void MetadataCommits::on_disk_error(std::function<void(const Error&)> hook) {
  const std::lock_guard lock(mutex_);
  on_disk_error_ = std::move(hook);
}

Result<> MetadataCommits::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake_.notify_one();
  }
  const std::lock_guard lock(close_mutex_);
  if (thread_.joinable()) thread_.join();
  if (failure_) return std::unexpected(*failure_);
  return {};
}

void MetadataCommits::submit(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      waiting_.push_back(std::move(work));
      wake_.notify_one();
      return;
    }
  }
  const Error closed{ErrorCode::closed, "the metadata store is closed"};
  work(nullptr, &closed);
}

void MetadataCommits::run() {
  pthread_setname_np(pthread_self(), "gem-metadata");
  for (;;) {
    std::vector<Work> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !waiting_.empty() || closing_; });
      if (waiting_.empty()) return;
      batch.swap(waiting_);
    }
    commit(batch);
  }
}

Result<bool> MetadataCommits::change_all(std::vector<Work>& batch, std::vector<Answer>& answers) {
  const std::lock_guard lock(database_mutex_);
  GEMINGA_TRY_VOID(database_->run("BEGIN IMMEDIATE"));
  const std::int64_t changes_before = database_->total_changes();
  for (Work& work : batch) {
    answers.push_back(work(database_.get(), nullptr));
    // A disk that is full or fails makes SQLite take back all of it by itself.
    if (!database_->in_transaction()) return std::unexpected(database_->last_error());
  }
  const bool changed = database_->total_changes() != changes_before;
  auto ended = database_->run(changed ? "UPDATE directory SET sequence = sequence + 1; COMMIT" : "ROLLBACK");
  if (ended) return changed;
  if (database_->in_transaction())
    static_cast<void>(database_->run("ROLLBACK"));  // the commit's error is the one to tell
  return std::unexpected(std::move(ended).error());
}

void MetadataCommits::commit(std::vector<Work>& batch) {
  std::vector<Answer> answers;
  std::optional<Error> failed = failure_;
  bool committed = false;
  if (!failed) {
    if (auto changed = change_all(batch, answers))
      committed = *changed;
    else
      failed = in_words(std::move(changed).error());
  }
  const bool ends = failed && !failure_ && ends_it(*failed);
  if (ends) {
    failed = failure_ =
        Error{ErrorCode::disk_error,
              failed->message + ". No change is taken any more; restart after the disk is in order"};
    log::error("storage", "{}", failure_->message);
  }
  if (committed) committed_one();
  for (Answer& answer : answers) answer(failed ? &*failed : nullptr);
  for (std::size_t i = answers.size(); i < batch.size(); ++i) batch[i](nullptr, &*failed);
  if (!ends) return;
  std::function<void(const Error&)> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = on_disk_error_;
  }
  if (hook) hook(*failure_);
}

void MetadataCommits::committed_one() {
  ++sequence_;
  const std::lock_guard lock(mutex_);
  if (on_commit_) on_commit_(sequence_);
}

}  // namespace geminga::storage
