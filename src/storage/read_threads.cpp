#include "storage/read_threads.hpp"

#include <pthread.h>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/thread.hpp"
#include "base/try.hpp"

namespace geminga::storage {

void ReadThreads::read(ReadRequest request, Done done) {
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return done(fail(ErrorCode::closed, "the log is closed"));
  }
  if (have_thread()) {
    waiting_.push_back({request, std::move(done)});
    wake_.notify_one();
    return;
  }
  lock.unlock();
  done(execute(request));
}

bool ReadThreads::have_thread() {
  if (busy_ + waiting_.size() < threads_.size() || threads_.size() == kMax) return true;
  if (auto thread = base::start_thread([this] { run(); }))
    threads_.push_back(*std::move(thread));
  else if (!std::exchange(hindered_, true))
    log::warn("storage", "{}; segments are read by fewer threads, or by those who ask",
              thread.error().message);
  return !threads_.empty();
}

void ReadThreads::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void ReadThreads::run() {
  pthread_setname_np(pthread_self(), "gem-read");
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !waiting_.empty() || stopping_; });
    if (waiting_.empty()) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    const bool stopping = stopping_;
    busy_ += 1;
    lock.unlock();
    if (stopping)
      job.done(fail(ErrorCode::closed, "the log is closed"));
    else
      job.done(execute(job.request));
    job.done = nullptr;  // what it holds goes without the lock
    lock.lock();
    busy_ -= 1;
  }
}

Result<std::vector<Entry>> ReadThreads::execute(const ReadRequest& request) {
  constexpr int kAttempts = 3;
  Error error;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    GEMINGA_TRY(auto plan, topics_.plan_read(request));
    if (plan.extents.empty()) return std::move(plan.entries);
    auto entries = read_extents(request, plan);
    if (entries) return entries;
    error = std::move(entries).error();
    // Trimmed since the plan was made: the next plan does not name the segment any more.
    if (error.code != ErrorCode::not_found) break;
  }
  // Too many open files, say: that says nothing about what is stored.
  if (error.code != ErrorCode::not_found && error.code != ErrorCode::corrupted)
    return std::unexpected(std::move(error));
  const std::string reason = fmt::format("{}; topic {} is offline, nothing was deleted; restore a backup",
                                         error.message, request.topic.value);
  log::error("storage", "{}", reason);
  topics_.take_offline(request.topic, reason, false);
  return fail(ErrorCode::topic_offline, reason);
}

Result<std::vector<Entry>> ReadThreads::read_extents(const ReadRequest& request,
                                                     const TopicTable::ReadPlan& plan) {
  std::vector<Entry> entries;
  std::uint64_t bytes = 0;
  EntryId from = plan.from;
  for (const Extent& extent : plan.extents) {
    auto reader = segments_.reader(extent.segment);
    if (!reader && !entries.empty()) break;  // the next read meets it again
    if (!reader) return std::unexpected(std::move(reader).error());
    if (auto read = (*reader)->read(extent, from, request, blocks_, entries, bytes); !read) {
      if (entries.empty()) return std::unexpected(std::move(read).error());
      break;
    }
    if (entries.size() >= request.entries_max || bytes >= request.bytes_max) break;
    if (!entries.empty() && entries.back().header.entry < extent.last) break;
    from = EntryId{extent.last.value + 1};
  }
  if (entries.empty() || entries.front().header.entry != plan.from)
    return fail(ErrorCode::corrupted, fmt::format("entry {} of topic {} is not where the index says",
                                                  plan.from.value, request.topic.value));
  return entries;
}

}  // namespace geminga::storage
