#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "orchestrator/jobs/job_types.hpp"

namespace geminga::orchestrator {

/// Comes exactly once, on a thread of the store, after the commit is durable. It must not block; it may call
/// the store.
template <class T>
using StoreCallback = std::move_only_function<void(Result<T>)>;

/// Jobs, claims, decisions and history, durable. Every write is one commit with whatever else waits; a
/// failing one does not spoil the others. Any thread; nothing blocks but stop().
/// Errors of every call: disk_error, disk_full, unavailable (nothing was written), closed.
class JobStore {
 public:
  virtual ~JobStore() = default;

  /// The UUID of this store; every signal carries it.
  [[nodiscard]] virtual const std::string& id() const = 0;
  /// "sqlite:/path", "postgresql://user@host:5432/database"; never a password.
  [[nodiscard]] virtual std::string description() const = 0;

  // Jobs ------------------------------------------------------------------------------------------------

  /// Writes the row and its outbox message; a known idempotency key gives the job of before instead.
  virtual void insert_job(NewJob job, StoreCallback<InsertedJob> done) = 0;
  /// The bus has the outbox message of this generation. False: the row is gone.
  virtual void mark_published(std::string job_id, std::uint32_t generation, StoreCallback<bool> done) = 0;
  /// Takes a row away whose message the bus refused; one that was published stays. True: it is gone.
  virtual void discard_unpublished(std::string job_id, StoreCallback<bool> done) = 0;
  /// Jobs PENDING for `age` whose message is not known to have reached the bus, oldest first.
  virtual void unpublished(std::chrono::milliseconds age, std::uint32_t limit,
                           StoreCallback<std::vector<UnpublishedJob>> done) = 0;
  /// Ended jobs with a webhook that is not known to be on the bus: this one, or (empty) those that ended so
  /// long ago, oldest first.
  virtual void untold(std::string job_id, std::chrono::milliseconds age, std::uint32_t limit,
                      StoreCallback<std::vector<UntoldJob>> done) = 0;
  /// The bus has the webhook of this generation's end. Such a job may be pruned.
  virtual void mark_told(std::string job_id, std::uint32_t generation, StoreCallback<void> done) = 0;
  /// The cancelled job. Errors: not_found, job_terminal.
  virtual void cancel_job(std::string job_id, StoreCallback<Job> done) = 0;
  virtual void apply_result(ResultUpdate update, StoreCallback<ResultApplied> done) = 0;
  /// Errors: not_found.
  virtual void find_job(std::string job_id, StoreCallback<Job> done) = 0;
  virtual void find_job_of_request(std::string request_id, StoreCallback<Job> done) = 0;
  /// Newest first. Errors: not_found (`after_id`, also where that job is of another tenant).
  virtual void list_jobs(JobFilter filter, StoreCallback<std::vector<Job>> done) = 0;
  virtual void job_events(std::string job_id, std::int64_t after_sequence,
                          StoreCallback<std::vector<JobEvent>> done) = 0;
  virtual void counts(StoreCallback<StoreCounts> done) = 0;
  /// Every event of this process from now on, in order, on a thread of the store; must not block. One
  /// listener; an empty one takes it away, and when the call returns the old one does not run any more.
  virtual void listen(std::function<void(const JobEvent&)> listener) = 0;

  // Decisions -------------------------------------------------------------------------------------------

  /// Gives the decision that stands: this one, or one that was written before.
  virtual void record_decision(StoredDecision decision, StoreCallback<StoredDecision> done) = 0;
  /// The same for one that nobody waits for: it goes along with other writes.
  virtual void note_decision(StoredDecision decision, StoreCallback<StoredDecision> done) = 0;
  /// Those of the requests that are decided. One that is claimed is decided, though a crash may have taken
  /// the record: as matched, without the record's texts.
  virtual void find_decisions(std::vector<std::string> request_ids,
                              StoreCallback<std::vector<StoredDecision>> done) = 0;

  // Claims ----------------------------------------------------------------------------------------------

  /// Before the call. A taken claim also moves its job from PENDING to PROCESSING.
  virtual void take_claim(TakeClaim take, StoreCallback<TakenClaim> done) = 0;
  /// State DONE with the result. Errors: claim_lost (the token is old; nothing was written).
  virtual void finish_claim(FinishClaim finish, StoreCallback<void> done) = 0;
  /// State RETRY: a signal with the next attempt may take it. Errors: claim_lost.
  virtual void retry_claim(RetryClaim retry, StoreCallback<void> done) = 0;
  /// Nothing was sent: the same attempt may be taken again. Errors: claim_lost.
  virtual void release_claim(HeldClaim claim, StoreCallback<void> done) = 0;
  /// Longer leases for these; gives those that are lost, and those whose job was cancelled, maybe by another
  /// process.
  virtual void renew_leases(std::vector<HeldClaim> claims, std::chrono::milliseconds lease,
                            StoreCallback<std::vector<StoppedClaim>> done) = 0;
  /// Ends the leases of every other owner whose name begins with `instance`; empty, only for the one process
  /// that holds the store: of every other owner. Gives how many.
  virtual void expire_other_leases(std::string owner, std::string instance,
                                   StoreCallback<std::uint64_t> done) = 0;
  /// Opens a DONE claim and a FAILED job with the next generation and the job's outbox anew. A claim without
  /// a job that waits for its replay gives the same generation again: its message may be lost. Errors:
  /// conflict (not done yet, or it did not end in a dead letter), job_terminal (completed, cancelled),
  /// not_found (no such claim).
  virtual void reopen(Reopen reopen, StoreCallback<Reopened> done) = 0;
  /// Those of the requests that have ended.
  virtual void finished(std::vector<std::string> request_ids,
                        StoreCallback<std::vector<FinishedRequest>> done) = 0;

  // Dead letters ----------------------------------------------------------------------------------------

  /// It is listed no more; its request cannot be replayed and may be pruned. Twice is as once.
  virtual void discard_letter(DiscardedLetter letter, StoreCallback<void> done) = 0;
  /// Those of `message_ids` that were discarded.
  virtual void discarded_among(std::vector<std::string> message_ids,
                               StoreCallback<std::vector<std::string>> done) = 0;

  /// Takes away what has ended before then: jobs with their events, claims, failures and decisions, and those
  /// of requests without a job; at most `limit` of each kind, oldest first. What is open stays, and what a
  /// dead letter may still reopen. A run begins with an empty `from` and goes on with what it gave, so that
  /// it looks once at what is kept.
  virtual void prune(Timestamp before, std::uint32_t limit, PruneFrom from, StoreCallback<Pruned> done) = 0;

  /// Writes what waits, answers `closed` from then on, joins its threads. Idempotent; not from a callback.
  virtual void stop() = 0;
};

struct SqliteJobStoreOptions {
  std::filesystem::path file;
  base::Clock* clock = nullptr;  ///< the system's where it is not given
  /// A write or a sync has failed, or the file is damaged. Comes once, on a thread of the store, after those
  /// who waited for it were told; from then on every write is answered with that error and nothing is
  /// written.
  std::function<void(const Error&)> on_disk_error{};
};

/// Opens the file or makes it, and brings its schema up to date. One thread writes, one reads. Errors:
/// disk_error (also: the folder is missing or not writable), corrupted, format_too_new.
Result<std::unique_ptr<JobStore>> open_sqlite_job_store(SqliteJobStoreOptions options);

struct PostgresqlJobStoreOptions {
  std::string url;               ///< "postgresql://user:password@host:5432/database", as libpq reads it
  base::Clock* clock = nullptr;  ///< the server's where it is not given: leases need one clock for all
  std::function<void(const Error&)> on_disk_error{};  ///< as above; of a damaged database
  /// How long a call waits for a server that is away before it is answered `unavailable`. A group whose
  /// commit was sent and not answered waits for ever: the server alone knows.
  std::chrono::milliseconds patience{10'000};
};

/// Connects and brings the schema "geminga" of the database up to date. Any number of processes may use one
/// store; their groups of writes come one after the other. One thread writes, one reads, each with a
/// connection that is made again when it is lost. Errors: unavailable (the server cannot be reached),
/// config_error (the client library, rights, the encoding of the database), format_too_new.
Result<std::unique_ptr<JobStore>> open_postgresql_job_store(PostgresqlJobStoreOptions options);

}  // namespace geminga::orchestrator
