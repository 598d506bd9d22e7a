#include "orchestrator/jobs/sqlite/lane.hpp"

#include <pthread.h>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator::sqlite {

Lane::Lane(std::string thread_name, std::function<void(Batch)> run) : run_(std::move(run)) {
  thread_ = std::thread([this, name = std::move(thread_name)] {
    pthread_setname_np(pthread_self(), name.c_str());
    loop();
  });
}

Lane::~Lane() {
  stop();
}

void Lane::submit(std::unique_ptr<Operation> operation) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      waiting_.push_back(std::move(operation));
      if (waiting_.size() == 1) wake_.notify_one();
      return;
    }
  }
  operation->finish(fail(ErrorCode::closed, "the jobs store is closed"));
}

void Lane::loop() {
  for (;;) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      batch.swap(waiting_);
    }
    run_(std::move(batch));
  }
}

void Lane::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_one();
  if (!thread_.joinable()) return;
  GEMINGA_ASSERT(thread_.get_id() != std::this_thread::get_id());
  thread_.join();
}

namespace {

/// How one operation of a group ended, and where its events begin.
struct Ended {
  Result<> result;
  std::size_t first_event = 0;
};

Result<> run(Database& database, const char* sql) {
  GEMINGA_TRY(auto statement, database.prepare(sql));
  return statement.run();
}

/// One operation in its savepoint. An error of the outer result means that the whole transaction is gone.
Result<> apply_one(Context& context, Operation& operation, Ended& ended) {
  GEMINGA_TRY_VOID(run(context.database, "SAVEPOINT one"));
  ended.result = operation.apply(context);
  if (ended.result) return run(context.database, "RELEASE one");
  // A disk that fails one operation is not to be trusted with the others.
  if (ends_it(ended.result.error())) return ended.result;
  context.events.resize(ended.first_event);
  // A full disk makes SQLite take back the whole transaction by itself.
  if (!context.database.in_transaction()) return ended.result;
  GEMINGA_TRY_VOID(run(context.database, "ROLLBACK TO one"));
  return run(context.database, "RELEASE one");
}

Result<> apply_all(Context& context, Lane::Batch& batch, std::vector<Ended>& ended) {
  GEMINGA_TRY_VOID(run(context.database, "BEGIN IMMEDIATE"));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ended[i].first_event = context.events.size();
    GEMINGA_TRY_VOID(apply_one(context, *batch[i], ended[i]));
  }
  return run(context.database, "COMMIT");
}

}  // namespace

bool ends_it(const Error& error) {
  return error.code == ErrorCode::disk_error || error.code == ErrorCode::corrupted;
}

Result<std::vector<JobEvent>> commit_group(Database& database, Timestamp now, Lane::Batch& batch) {
  std::vector<JobEvent> events;
  std::vector<Ended> ended(batch.size());
  Context context{database, now, events};
  const auto committed = apply_all(context, batch, ended);
  if (!committed) {
    log::error("jobs", "a group of {} writes was not committed: {}", batch.size(), committed.error().message);
    if (database.in_transaction())
      if (auto undone = run(database, "ROLLBACK"); !undone)
        log::error("jobs", "rollback failed: {}", undone.error().message);
    fail_each(batch, committed.error());
    return std::unexpected(committed.error());
  }
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->finish(std::move(ended[i].result));
  return events;
}

void fail_each(Lane::Batch& batch, const Error& error) {
  for (auto& operation : batch) operation->finish(std::unexpected(error));
}

void read_each(Database& database, Timestamp now, Lane::Batch& batch) {
  std::vector<JobEvent> events;
  Context context{database, now, events};
  for (auto& operation : batch) operation->finish(operation->apply(context));
}

}  // namespace geminga::orchestrator::sqlite
