#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/jobs/sql/lane.hpp"

/// The statements of the store, one function for each of its calls; they run inside a lane.
namespace geminga::orchestrator::sql {

/// What claims, results and events want to know of a job.
struct JobLine {
  std::string id;
  std::string request_id;
  JobStatus status = JobStatus::pending;
  std::uint32_t generation = 0;
  bool webhook = false;  ///< it has one
};
JobLine line_of(const Job& job);

// rows_jobs.cpp
Result<InsertedJob> insert_job(Context& context, const NewJob& job);
Result<bool> mark_published(Context& context, const std::string& job_id, std::uint32_t generation);
Result<bool> discard_unpublished(Context& context, const std::string& job_id);
Result<std::vector<UnpublishedJob>> unpublished(Context& context, std::chrono::milliseconds age,
                                                std::uint32_t limit);
Result<Job> cancel_job(Context& context, const std::string& job_id);
Result<ResultApplied> apply_result(Context& context, const ResultUpdate& update);
Result<Job> find_job(Context& context, const std::string& job_id);
Result<Job> find_job_of_request(Context& context, const std::string& request_id);
/// Nothing: the request has no job.
Result<std::optional<JobLine>> find_line_of_request(Context& context, const std::string& request_id);
Result<std::vector<Job>> list_jobs(Context& context, const JobFilter& filter);
Result<StoreCounts> counts(Context& context);

// rows_events.cpp
/// Appends to a job's history and to context.events.
Result<> append_event(Context& context, const JobLine& job, std::string_view event, std::string detail = {});
Result<std::vector<JobEvent>> job_events(Context& context, const std::string& job_id,
                                         std::int64_t after_sequence);
/// {"topic": ..., ...} as one text, and back.
std::string properties_to_json(const Properties& properties);
Properties properties_from_json(const std::string& text);
/// {"attempt": 0, "outcome": ..., "error": ..., "retryAt": ...}
std::string retry_detail(const AttemptFailure& failure, Timestamp retry_at);

// rows_claims.cpp
Result<StoredDecision> record_decision(Context& context, const StoredDecision& decision);
Result<std::vector<StoredDecision>> find_decisions(Context& context,
                                                   const std::vector<std::string>& request_ids);
Result<TakenClaim> take_claim(Context& context, const TakeClaim& take);
Result<> finish_claim(Context& context, const FinishClaim& finish);
Result<> retry_claim(Context& context, const RetryClaim& retry);
Result<> release_claim(Context& context, const HeldClaim& claim);
Result<Reopened> reopen(Context& context, const Reopen& reopen);
Result<std::vector<FinishedRequest>> finished(Context& context, const std::vector<std::string>& request_ids);

// rows_leases.cpp
Result<std::vector<StoppedClaim>> renew_leases(Context& context, const std::vector<HeldClaim>& claims,
                                               std::chrono::milliseconds lease);
Result<std::uint64_t> expire_other_leases(Context& context, const std::string& owner,
                                          const std::string& instance);

// rows_webhooks.cpp
Result<std::vector<UntoldJob>> untold(Context& context, const std::string& job_id,
                                      std::chrono::milliseconds age, std::uint32_t limit);
Result<> mark_told(Context& context, const std::string& job_id, std::uint32_t generation);

// rows_prune.cpp
Result<Pruned> prune(Context& context, Timestamp before, std::uint32_t limit, const PruneFrom& from);

// rows_letters.cpp
Result<> discard_letter(Context& context, const DiscardedLetter& letter);
Result<std::vector<std::string>> discarded_among(Context& context, const std::vector<std::string>& ids);

}  // namespace geminga::orchestrator::sql
