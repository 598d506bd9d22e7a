#include <fmt/format.h>

#include "base/forget_cached.hpp"
#include "base/try.hpp"
#include "orchestrator/jobs/job_store.hpp"
#include "orchestrator/jobs/sqlite/lane.hpp"
#include "orchestrator/jobs/sqlite/migrations.hpp"
#include "orchestrator/jobs/sqlite/rows.hpp"

namespace geminga::orchestrator {
namespace {

using sqlite::Context;
using sqlite::Database;
using sqlite::Lane;
using sqlite::TypedOperation;

class SqliteJobStore final : public JobStore {
 public:
  SqliteJobStore(SqliteJobStoreOptions options, std::string id, std::unique_ptr<Database> writer,
                 std::unique_ptr<Database> reader)
      : file_(std::move(options.file)),
        on_disk_error_(std::move(options.on_disk_error)),
        clock_(options.clock != nullptr ? *options.clock : base::Clock::system()),
        id_(std::move(id)),
        writer_(std::move(writer)),
        reader_(std::move(reader)),
        writes_("jobs-write", [this](Lane::Batch batch) { write(batch); }),
        reads_("jobs-read",
               [this](Lane::Batch batch) { sqlite::read_each(*reader_, clock_.wall_now(), batch); }) {}
  ~SqliteJobStore() override { stop(); }

  const std::string& id() const override { return id_; }
  std::string description() const override { return fmt::format("sqlite:{}", file_.string()); }

  void insert_job(NewJob job, StoreCallback<InsertedJob> done) override {
    on(writes_, sqlite::insert_job, std::move(done), std::move(job));
  }
  void mark_published(std::string job_id, std::uint32_t generation, StoreCallback<bool> done) override {
    on(writes_, sqlite::mark_published, std::move(done), std::move(job_id), generation);
  }
  void discard_unpublished(std::string job_id, StoreCallback<bool> done) override {
    on(writes_, sqlite::discard_unpublished, std::move(done), std::move(job_id));
  }
  void unpublished(std::chrono::milliseconds age, std::uint32_t limit,
                   StoreCallback<std::vector<UnpublishedJob>> done) override {
    on(reads_, sqlite::unpublished, std::move(done), age, limit);
  }
  void cancel_job(std::string job_id, StoreCallback<Job> done) override {
    on(writes_, sqlite::cancel_job, std::move(done), std::move(job_id));
  }
  void apply_result(ResultUpdate update, StoreCallback<ResultApplied> done) override {
    on(writes_, sqlite::apply_result, std::move(done), std::move(update));
  }
  void find_job(std::string job_id, StoreCallback<Job> done) override {
    on(reads_, sqlite::find_job, std::move(done), std::move(job_id));
  }
  void find_job_of_request(std::string request_id, StoreCallback<Job> done) override {
    on(reads_, sqlite::find_job_of_request, std::move(done), std::move(request_id));
  }
  void list_jobs(JobFilter filter, StoreCallback<std::vector<Job>> done) override {
    on(reads_, sqlite::list_jobs, std::move(done), std::move(filter));
  }
  void job_events(std::string job_id, std::int64_t after_sequence,
                  StoreCallback<std::vector<JobEvent>> done) override {
    on(reads_, sqlite::job_events, std::move(done), std::move(job_id), after_sequence);
  }
  void counts(StoreCallback<StoreCounts> done) override { on(reads_, sqlite::counts, std::move(done)); }

  void listen(std::function<void(const JobEvent&)> listener) override {
    const std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
  }

  void record_decision(StoredDecision decision, StoreCallback<StoredDecision> done) override {
    on(writes_, sqlite::record_decision, std::move(done), std::move(decision));
  }
  void find_decision(std::string request_id, StoreCallback<std::optional<StoredDecision>> done) override {
    on(reads_, sqlite::find_decision, std::move(done), std::move(request_id));
  }

  void take_claim(TakeClaim take, StoreCallback<TakenClaim> done) override {
    on(writes_, sqlite::take_claim, std::move(done), std::move(take));
  }
  void finish_claim(FinishClaim finish, StoreCallback<void> done) override {
    on(writes_, sqlite::finish_claim, std::move(done), std::move(finish));
  }
  void retry_claim(RetryClaim retry, StoreCallback<void> done) override {
    on(writes_, sqlite::retry_claim, std::move(done), std::move(retry));
  }
  void release_claim(HeldClaim claim, StoreCallback<void> done) override {
    on(writes_, sqlite::release_claim, std::move(done), std::move(claim));
  }
  void renew_leases(std::vector<HeldClaim> claims, std::chrono::milliseconds lease,
                    StoreCallback<std::vector<HeldClaim>> done) override {
    on(writes_, sqlite::renew_leases, std::move(done), std::move(claims), lease);
  }
  void expire_other_leases(std::string owner, StoreCallback<std::uint64_t> done) override {
    on(writes_, sqlite::expire_other_leases, std::move(done), std::move(owner));
  }
  void reopen(Reopen reopen, StoreCallback<Reopened> done) override {
    on(writes_, sqlite::reopen, std::move(done), std::move(reopen));
  }
  void finished(std::vector<std::string> request_ids,
                StoreCallback<std::vector<FinishedRequest>> done) override {
    on(reads_, sqlite::finished, std::move(done), std::move(request_ids));
  }

  void discard_letter(DiscardedLetter letter, StoreCallback<void> done) override {
    on(writes_, sqlite::discard_letter, std::move(done), std::move(letter));
  }
  void discarded_among(std::vector<std::string> message_ids,
                       StoreCallback<std::vector<std::string>> done) override {
    on(reads_, sqlite::discarded_among, std::move(done), std::move(message_ids));
  }
  void prune(Timestamp before, std::uint32_t limit, StoreCallback<std::uint64_t> done) override {
    on(writes_, sqlite::prune, std::move(done), before, limit);
  }

  void stop() override {
    writes_.stop();
    reads_.stop();
  }

 private:
  /// Hands `function(context, arguments...)` to a lane.
  template <class T, class... Parameters, class... Arguments>
  void on(Lane& lane, Result<T> (*function)(Context&, Parameters...), StoreCallback<T> done,
          Arguments... arguments) {
    lane.submit(std::make_unique<TypedOperation<T>>(
        [function, ... arguments = std::move(arguments)](Context& context) {
          return function(context, arguments...);
        },
        std::move(done)));
  }

  void write(Lane::Batch& batch) {
    if (disk_failure_) return sqlite::fail_each(batch, *disk_failure_);
    const auto events = sqlite::commit_group(*writer_, clock_.wall_now(), batch);
    if (!events) return not_committed(events.error());
    const std::lock_guard lock(listener_mutex_);
    if (!listener_) return;
    for (const auto& event : *events) listener_(event);
  }

  /// After a failed sync nobody knows what of the file is on disk: no commit may follow.
  void not_committed(const Error& error) {
    if (!sqlite::ends_it(error)) return;
    disk_failure_ = error;
    if (on_disk_error_) on_disk_error_(error);
  }

  const std::filesystem::path file_;
  const std::function<void(const Error&)> on_disk_error_;
  base::Clock& clock_;
  const std::string id_;
  const std::unique_ptr<Database> writer_;  // the writing lane
  std::optional<Error> disk_failure_;       // the writing lane
  const std::unique_ptr<Database> reader_;  // the reading lane
  std::mutex listener_mutex_;
  std::function<void(const JobEvent&)> listener_;  // under listener_mutex_
  Lane writes_;
  Lane reads_;
};

}  // namespace

Result<std::unique_ptr<JobStore>> open_sqlite_job_store(SqliteJobStoreOptions options) {
  if (options.file.empty()) return fail(ErrorCode::invalid_argument, "the jobs store needs a file name");
  GEMINGA_TRY_VOID(base::forget_cached_database(base::FileSystem::system(), options.file));
  GEMINGA_TRY(auto writer, Database::open(options.file, Database::Mode::read_write));
  GEMINGA_TRY_VOID(sqlite::migrate(*writer));
  GEMINGA_TRY(auto id, sqlite::store_id(*writer));
  GEMINGA_TRY(auto reader, Database::open(options.file, Database::Mode::read_only));
  return std::make_unique<SqliteJobStore>(std::move(options), std::move(id), std::move(writer),
                                          std::move(reader));
}

}  // namespace geminga::orchestrator
