#include "orchestrator/jobs/sql/sql_job_store.hpp"

#include <mutex>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {
namespace {

class SqlJobStore final : public JobStore {
 public:
  SqlJobStore(std::unique_ptr<Backend> backend, std::function<void(const Error&)> on_disk_error)
      : backend_(std::move(backend)),
        on_disk_error_(std::move(on_disk_error)),
        writes_("jobs-write", [this](Lane::Batch batch) { write(std::move(batch)); }),
        reads_("jobs-read", [this](const Lane::Batch& batch) {
          for (const auto& operation : batch) operation->finish(backend_->read(*operation));
        }) {}
  ~SqlJobStore() override { stop(); }

  const std::string& id() const override { return backend_->id(); }
  std::string description() const override { return backend_->description(); }

  void insert_job(NewJob job, StoreCallback<InsertedJob> done) override {
    on(writes_, sql::insert_job, std::move(done), std::move(job));
  }
  void mark_published(std::string job_id, std::uint32_t generation, StoreCallback<bool> done) override {
    later(sql::mark_published, std::move(done), std::move(job_id), generation);
  }
  void discard_unpublished(std::string job_id, StoreCallback<bool> done) override {
    on(writes_, sql::discard_unpublished, std::move(done), std::move(job_id));
  }
  void unpublished(std::chrono::milliseconds age, std::uint32_t limit,
                   StoreCallback<std::vector<UnpublishedJob>> done) override {
    on(reads_, sql::unpublished, std::move(done), age, limit);
  }
  void untold(std::string job_id, std::chrono::milliseconds age, std::uint32_t limit,
              StoreCallback<std::vector<UntoldJob>> done) override {
    on(reads_, sql::untold, std::move(done), std::move(job_id), age, limit);
  }
  void mark_told(std::string job_id, std::uint32_t generation, StoreCallback<void> done) override {
    on(writes_, sql::mark_told, std::move(done), std::move(job_id), generation);
  }
  void cancel_job(std::string job_id, StoreCallback<Job> done) override {
    on(writes_, sql::cancel_job, std::move(done), std::move(job_id));
  }
  void apply_result(ResultUpdate update, StoreCallback<ResultApplied> done) override {
    later(sql::apply_result, std::move(done), std::move(update));
  }
  void find_job(std::string job_id, StoreCallback<Job> done) override {
    on(reads_, sql::find_job, std::move(done), std::move(job_id));
  }
  void find_job_of_request(std::string request_id, StoreCallback<Job> done) override {
    on(reads_, sql::find_job_of_request, std::move(done), std::move(request_id));
  }
  void list_jobs(JobFilter filter, StoreCallback<std::vector<Job>> done) override {
    on(reads_, sql::list_jobs, std::move(done), std::move(filter));
  }
  void job_events(std::string job_id, std::int64_t after_sequence,
                  StoreCallback<std::vector<JobEvent>> done) override {
    on(reads_, sql::job_events, std::move(done), std::move(job_id), after_sequence);
  }
  void counts(StoreCallback<StoreCounts> done) override { on(reads_, sql::counts, std::move(done)); }

  void listen(std::function<void(const JobEvent&)> listener) override {
    const std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
  }

  void record_decision(StoredDecision decision, StoreCallback<StoredDecision> done) override {
    on(writes_, sql::record_decision, std::move(done), std::move(decision));
  }
  void note_decision(StoredDecision decision, StoreCallback<StoredDecision> done) override {
    later(sql::record_decision, std::move(done), std::move(decision));
  }
  void find_decisions(std::vector<std::string> request_ids,
                      StoreCallback<std::vector<StoredDecision>> done) override {
    on(reads_, sql::find_decisions, std::move(done), std::move(request_ids));
  }

  void take_claim(TakeClaim take, StoreCallback<TakenClaim> done) override {
    on(writes_, sql::take_claim, std::move(done), std::move(take));
  }
  void finish_claim(FinishClaim finish, StoreCallback<void> done) override {
    on(writes_, sql::finish_claim, std::move(done), std::move(finish));
  }
  void retry_claim(RetryClaim retry, StoreCallback<void> done) override {
    on(writes_, sql::retry_claim, std::move(done), std::move(retry));
  }
  void release_claim(HeldClaim claim, StoreCallback<void> done) override {
    on(writes_, sql::release_claim, std::move(done), std::move(claim));
  }
  void renew_leases(std::vector<HeldClaim> claims, std::chrono::milliseconds lease,
                    StoreCallback<std::vector<StoppedClaim>> done) override {
    on(writes_, sql::renew_leases, std::move(done), std::move(claims), lease);
  }
  void expire_other_leases(std::string owner, std::string instance,
                           StoreCallback<std::uint64_t> done) override {
    on(writes_, sql::expire_other_leases, std::move(done), std::move(owner), std::move(instance));
  }
  void reopen(Reopen reopen, StoreCallback<Reopened> done) override {
    on(writes_, sql::reopen, std::move(done), std::move(reopen));
  }
  void finished(std::vector<std::string> request_ids,
                StoreCallback<std::vector<FinishedRequest>> done) override {
    on(reads_, sql::finished, std::move(done), std::move(request_ids));
  }

  void discard_letter(DiscardedLetter letter, StoreCallback<void> done) override {
    on(writes_, sql::discard_letter, std::move(done), std::move(letter));
  }
  void discarded_among(std::vector<std::string> message_ids,
                       StoreCallback<std::vector<std::string>> done) override {
    on(reads_, sql::discarded_among, std::move(done), std::move(message_ids));
  }
  void prune(Timestamp before, std::uint32_t limit, PruneFrom from, StoreCallback<Pruned> done) override {
    later(sql::prune, std::move(done), before, limit, from);
  }

  void stop() override {
    backend_->stop_waiting();
    writes_.stop();
    reads_.stop();
  }

 private:
  /// Hands `function(context, arguments...)` to a lane.
  template <class T, class... Parameters, class... Arguments>
  void on(Lane& lane, Result<T> (*function)(Context&, Parameters...), StoreCallback<T> done,
          Arguments... arguments) {
    lane.submit(operation(function, std::move(done), std::move(arguments)...));
  }
  /// A write that nobody waits for.
  template <class T, class... Parameters, class... Arguments>
  void later(Result<T> (*function)(Context&, Parameters...), StoreCallback<T> done, Arguments... arguments) {
    writes_.submit(operation(function, std::move(done), std::move(arguments)...), Haste::none);
  }
  template <class T, class... Parameters, class... Arguments>
  static std::unique_ptr<Operation> operation(Result<T> (*function)(Context&, Parameters...),
                                              StoreCallback<T> done, Arguments... arguments) {
    return std::make_unique<TypedOperation<T>>(
        [function, ... arguments = std::move(arguments)](Context& context) {
          return function(context, arguments...);
        },
        std::move(done));
  }

  void write(Lane::Batch batch) {
    Group group(std::move(batch));
    if (disk_failure_) return group.fail(*disk_failure_);
    if (const auto committed = backend_->write(group); !committed)
      return not_committed(group, committed.error());
    group.finish();
    const std::lock_guard lock(listener_mutex_);
    if (!listener_) return;
    for (const auto& event : group.events()) listener_(event);
  }

  void not_committed(Group& group, const Error& error) {
    log::error("jobs", "a group of {} writes was not committed: {}", group.size(), error.message);
    // After a failed sync nobody knows what of the file is on disk: no commit may follow.
    if (ends_it(error)) disk_failure_ = error;
    group.fail(error);
    if (disk_failure_ && on_disk_error_) on_disk_error_(error);
  }

  const std::unique_ptr<Backend> backend_;
  const std::function<void(const Error&)> on_disk_error_;
  std::optional<Error> disk_failure_;  // the writing lane
  std::mutex listener_mutex_;
  std::function<void(const JobEvent&)> listener_;  // under listener_mutex_
  Lane writes_;
  Lane reads_;
};

}  // namespace

std::unique_ptr<JobStore> make_job_store(std::unique_ptr<Backend> backend,
                                         std::function<void(const Error&)> on_disk_error) {
  return std::make_unique<SqlJobStore>(std::move(backend), std::move(on_disk_error));
}

}  // namespace geminga::orchestrator::sql
