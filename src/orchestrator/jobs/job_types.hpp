#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/types.hpp>

/// What the jobs store keeps: jobs, claims, decisions and what happened to each job. Plain values.
namespace geminga::orchestrator {

enum class JobStatus : std::uint8_t { pending, processing, completed, failed, cancelled };
/// "PENDING" and so on, as users see it.
std::string_view to_string(JobStatus status);
/// Errors: invalid_argument (with the list).
Result<JobStatus> parse_job_status(std::string_view text);
constexpr bool terminal(JobStatus status) {
  return status == JobStatus::completed || status == JobStatus::failed || status == JobStatus::cancelled;
}

/// The message that starts (or, after a replay, starts again) a job. It stands in the job's row until the bus
/// has it.
struct OutboxMessage {
  std::string topic;
  std::string body;
  Properties properties;
};

struct NewJob {
  std::string id;
  std::string request_id;
  std::string tenant;  ///< whose it is
  std::string query;
  std::optional<std::string> session_id;
  std::optional<std::string> idempotency_key;
  OutboxMessage outbox;
  std::optional<std::string> webhook_url;  ///< who is told of its end
};

struct Job {
  std::string id;
  std::string request_id;
  std::string tenant;
  std::string query;
  std::optional<std::string> session_id;
  JobStatus status = JobStatus::pending;
  std::optional<std::string> result_json;  ///< the result event as it was published
  std::optional<std::string> error_message;
  std::uint32_t generation = 0;  ///< how often it was replayed
  std::uint32_t attempts = 0;    ///< calls of this generation so far
  Timestamp created_at{};
  Timestamp updated_at{};
  std::optional<Timestamp> completed_at;
  std::optional<Timestamp> published_at;  ///< when the bus had acknowledged the outbox message
  std::optional<std::string> webhook_url;
};

struct InsertedJob {
  Job job;
  bool existed = false;  ///< the idempotency key was known: this is the job of before
};

/// One line of a job's history.
struct JobEvent {
  std::int64_t sequence = 0;  ///< rises over the whole store
  std::string job_id;
  std::string request_id;
  std::uint32_t generation = 0;
  std::string event;   ///< a JobStatus for a transition, otherwise RETRY or LATE_RESULT
  std::string detail;  ///< JSON text, or empty
  Timestamp at{};
  bool webhook = false;  ///< its job has one; only as the listener gets it
};

struct JobFilter {
  std::optional<std::string> tenant;  ///< nothing: of every tenant
  std::optional<JobStatus> status;
  std::optional<std::string> session_id;
  std::string after_id;  ///< the last job of the page before; empty: from the newest
  std::uint32_t limit = 50;
};

/// A job whose message may not have reached the bus.
struct UnpublishedJob {
  std::string id;
  std::string request_id;
  std::uint32_t generation = 0;
  OutboxMessage outbox;
};

/// A job that has ended, and whose webhook may not have reached the bus.
struct UntoldJob {
  std::string id;
  std::string request_id;
  std::uint32_t generation = 0;
  std::string url;
  std::string topic;      ///< of the outbox, which says where the request lives
  Properties properties;  ///< of the outbox
};

/// What the result of a request does to its job.
struct ResultUpdate {
  std::string request_id;
  std::uint32_t generation = 0;
  JobStatus status = JobStatus::completed;  ///< completed or failed
  std::string result_json;
  std::optional<std::string> error_message;
};

enum class ResultApplied : std::uint8_t {
  applied,
  unchanged,        ///< the same end was written before
  late,             ///< the job was cancelled, or replayed since: kept in its events only
  unknown_request,  ///< no job has this request id
};

/// What the matcher found for a request; the first one that is written stands.
struct StoredDecision {
  std::string request_id;
  bool matched = false;
  std::string detail_json;  ///< the matcher's decision in full
  std::string signal_json;  ///< matched: the signal to publish
};

enum class ClaimKind : std::uint8_t { tool, plan };
enum class ClaimState : std::uint8_t { running, retry, done };
std::string_view to_string(ClaimKind kind);
std::string_view to_string(ClaimState state);

struct TakeClaim {
  std::string request_id;  ///< or "requestId/stepId" for a step of a plan
  ClaimKind kind = ClaimKind::tool;
  std::uint32_t generation = 0;
  std::uint32_t attempt = 0;  ///< 0-based
  std::string owner;
  std::chrono::milliseconds lease{30'000};
  /// Not empty: needs no call; a claim that is taken is DONE with this result in the same commit.
  std::string complete_with;
};

/// A claim that is held.
struct HeldClaim {
  std::string request_id;
  std::string token;
};

/// A claim whose call must not go on.
struct StoppedClaim {
  HeldClaim claim;
  bool cancelled = false;  ///< it is held, and its job was cancelled; else it is lost
};

enum class TakeResult : std::uint8_t {
  taken,            ///< yours: call, then finish with `token`
  outcome_unknown,  ///< yours, but this attempt was begun by an owner that is gone: do not call, decide
  running,          ///< its owner is alive: hand the signal back
  done,             ///< publish `result_json` (and `dead_letter_json`) again
  retry_scheduled,  ///< this attempt has failed before: publish the retry of `retry_at` again
  superseded,       ///< another kind won, or a later attempt or generation is there: acknowledge, do nothing
  cancelled,        ///< the job was cancelled: acknowledge, do nothing
};
std::string_view to_string(TakeResult result);

struct AttemptFailure {
  std::uint32_t attempt = 0;
  Timestamp at{};
  std::string outcome;  ///< the class: "not_executed", "outcome_unknown" ...
  std::string error;
};

struct TakenClaim {
  TakeResult result = TakeResult::superseded;
  std::string token;  ///< with taken and outcome_unknown
  std::string result_json;
  std::string dead_letter_json;
  Timestamp retry_at{};
  std::vector<AttemptFailure> failures;  ///< of this generation, oldest first
};

/// The one commit that ends a claim. `failure` is added to the claim's failures.
struct FinishClaim {
  std::string request_id;
  std::string token;
  std::string result_json;
  std::string dead_letter_json;  ///< empty: none
  std::optional<AttemptFailure> failure;
};

struct RetryClaim {
  std::string request_id;
  std::string token;
  Timestamp retry_at{};
  AttemptFailure failure;
};

/// What a finished claim says to whoever waits for the request.
struct FinishedRequest {
  std::string request_id;
  std::uint32_t generation = 0;
  std::string result_json;  ///< empty: the job was cancelled
};

/// A replayed request: its new generation, after which exactly `outbox` must be published.
struct Reopen {
  std::string request_id;
  /// Gives the message for the new generation. Runs inside the commit.
  std::function<OutboxMessage(std::uint32_t generation)> outbox;
};

struct Reopened {
  std::uint32_t generation = 0;
  std::string job_id;  ///< empty: the request has no job
  OutboxMessage outbox;
};

/// Where a run of pruning goes on: what ended before was looked at, and is gone or kept.
struct PruneFrom {
  Timestamp jobs{};
  Timestamp decisions{};
  Timestamp claims{};
};

struct Pruned {
  std::uint64_t requests = 0;
  PruneFrom next;
};

/// A dead letter that nobody wants to replay.
struct DiscardedLetter {
  std::string message_id;  ///< in its topic
  std::string request_id;
  std::uint32_t generation = 0;
};

struct StoreCounts {
  std::uint64_t pending = 0;
  std::uint64_t processing = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t claims_running = 0;
  std::uint64_t claims_retry = 0;
};

}  // namespace geminga::orchestrator
