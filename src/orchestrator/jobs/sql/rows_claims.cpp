#include <fmt/format.h>

#include "base/try.hpp"
#include "base/uuid.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {
namespace {

struct ClaimRow {
  std::string kind;
  std::int64_t generation = 0;
  std::int64_t attempt = 0;  ///< -1: open for attempt 0
  std::string state;
  std::string owner;
  Timestamp lease_until{};
  Timestamp retry_at{};
  std::string result_json;
  std::string dead_letter_json;
};

Result<std::optional<ClaimRow>> find_claim(Context& context, const std::string& request_id) {
  GEMINGA_TRY(auto select, context.database.prepare(
                               "SELECT kind, generation, attempt, state, owner, lease_until, retry_at, "
                               "result_json, dead_letter_json FROM claims WHERE request_id = ?"));
  GEMINGA_TRY(const bool row, select.bind(request_id).step());
  if (!row) return std::nullopt;
  return ClaimRow{.kind = select.text(0),
                  .generation = select.integer(1),
                  .attempt = select.integer(2),
                  .state = select.text(3),
                  .owner = select.text(4),
                  .lease_until = select.time(5),
                  .retry_at = select.time(6),
                  .result_json = select.text(7),
                  .dead_letter_json = select.text(8)};
}

/// A step of a plan is claimed as "requestId/stepId"; its job is that of the request.
std::string request_of(const std::string& claim_id) {
  return claim_id.substr(0, claim_id.find('/'));
}

Result<std::optional<JobLine>> job_of(Context& context, const std::string& claim_id) {
  return find_line_of_request(context, request_of(claim_id));
}

/// Of a cancelled job, with those of its plan's steps: nobody will take them any more. One whose owner lives
/// stays, for the end that it writes. '0' is the character behind '/'.
Result<> close_claims(Context& context, const std::string& request_id) {
  GEMINGA_TRY(auto change,
              context.database.prepare(
                  "UPDATE claims SET state = 'DONE', updated_at = ?1 WHERE (request_id = ?2 OR (request_id > "
                  "?2 || '/' AND request_id < ?2 || '0')) AND (state = 'RETRY' OR (state = 'RUNNING' AND "
                  "lease_until <= ?1))"));
  return change.bind(context.now).bind(request_id).run();
}

TakenClaim only(TakeResult result) {
  TakenClaim taken;
  taken.result = result;
  return taken;
}

/// What may be done with a signal, from the claim's row alone. The table of the state machine.
TakeResult judge(const ClaimRow& row, const TakeClaim& take, Timestamp now) {
  if (row.generation > take.generation) return TakeResult::superseded;
  if (row.generation < take.generation) return TakeResult::taken;
  if (row.kind != to_string(take.kind)) return TakeResult::superseded;
  if (row.state == "DONE") return TakeResult::done;
  if (row.attempt > take.attempt) return TakeResult::superseded;
  const bool this_attempt = row.attempt == take.attempt;
  if (row.state == "RETRY") return this_attempt ? TakeResult::retry_scheduled : TakeResult::taken;
  // An owner that still runs and asks again is a second copy of the signal, whatever the clock says.
  if (row.owner == take.owner || row.lease_until > now) return TakeResult::running;
  return this_attempt ? TakeResult::outcome_unknown : TakeResult::taken;
}

Result<> write_claim(Context& context, const TakeClaim& take, const std::string& token, ClaimState state) {
  GEMINGA_TRY(
      auto upsert,
      context.database.prepare(
          "INSERT INTO claims (request_id, kind, generation, attempt, state, owner, token, lease_until, "
          "result_json, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT "
          "(request_id) DO UPDATE SET kind = ?2, generation = ?3, attempt = ?4, state = ?5, owner = ?6, "
          "token = ?7, lease_until = ?8, result_json = ?9, dead_letter_json = '', updated_at = ?10"));
  upsert.bind(take.request_id).bind(to_string(take.kind)).bind(std::int64_t{take.generation});
  upsert.bind(std::int64_t{take.attempt}).bind(to_string(state)).bind(take.owner).bind(token);
  return upsert.bind(context.now + take.lease).bind(take.complete_with).bind(context.now).run();
}

Result<> begin_processing(Context& context, const JobLine& job) {
  if (job.status != JobStatus::pending) return {};
  GEMINGA_TRY(auto change,
              context.database.prepare(
                  "UPDATE orchestrator_jobs SET status = 'PROCESSING', updated_at = ? WHERE id = ?"));
  GEMINGA_TRY_VOID(change.bind(context.now).bind(job.id).run());
  return append_event(context, job, to_string(JobStatus::processing));
}

Result<std::vector<AttemptFailure>> failures_of(Context& context, const TakeClaim& take) {
  GEMINGA_TRY(auto select,
              context.database.prepare("SELECT attempt, at, outcome, error FROM claim_failures WHERE "
                                       "request_id = ? AND generation = ? ORDER BY attempt"));
  select.bind(take.request_id).bind(std::int64_t{take.generation});
  std::vector<AttemptFailure> failures;
  for (;;) {
    GEMINGA_TRY(const bool row, select.step());
    if (!row) return failures;
    failures.push_back({.attempt = static_cast<std::uint32_t>(select.integer(0)),
                        .at = select.time(1),
                        .outcome = select.text(2),
                        .error = select.text(3)});
  }
}

Result<> write_failure(Context& context, const std::string& request_id, const AttemptFailure& failure) {
  GEMINGA_TRY(auto insert,
              context.database.prepare(
                  "INSERT INTO claim_failures (request_id, generation, attempt, at, outcome, error) SELECT "
                  "request_id, "
                  "generation, ?, ?, ?, ? FROM claims WHERE request_id = ? ON CONFLICT (request_id, "
                  "generation, attempt) DO UPDATE SET at = excluded.at, outcome = excluded.outcome, error = "
                  "excluded.error"));
  insert.bind(std::int64_t{failure.attempt}).bind(failure.at).bind(failure.outcome).bind(failure.error);
  return insert.bind(request_id).run();
}

/// The guard of every write of an owner: no row changed means that the claim is another's.
Result<> guarded(Context& context, const std::string& request_id) {
  if (context.database.changes() != 0) return {};
  return fail(ErrorCode::claim_lost,
              fmt::format("the claim of request '{}' is no longer ours; nothing was written", request_id));
}

/// Where an owner seems to live the signal comes again: if it does not write the end, nobody else would.
Result<TakenClaim> take_of_cancelled(Context& context, const TakeClaim& take) {
  GEMINGA_TRY_VOID(close_claims(context, take.request_id));
  GEMINGA_TRY(const auto row, find_claim(context, take.request_id));
  const bool held = row && row->state == "RUNNING" && row->owner != take.owner;
  return only(held ? TakeResult::running : TakeResult::cancelled);
}

Result<> reopen_claim(Context& context, const std::string& request_id, std::uint32_t generation) {
  GEMINGA_TRY(auto change,
              context.database.prepare(
                  "UPDATE claims SET generation = ?, state = 'RETRY', attempt = -1, token = '', "
                  "result_json = '', dead_letter_json = '', updated_at = ? WHERE request_id = ?"));
  return change.bind(std::int64_t{generation}).bind(context.now).bind(request_id).run();
}

/// Nobody has taken it since its replay, or who had it gave it back.
bool waits_for_its_replay(const ClaimRow& claim) {
  return claim.generation > 0 && claim.state == "RETRY" && claim.attempt == -1;
}

Result<> reopen_job(Context& context, JobLine job, const Reopened& reopened) {
  GEMINGA_TRY(auto change,
              context.database.prepare(
                  "UPDATE orchestrator_jobs SET status = 'PENDING', generation = ?, result_json = NULL, "
                  "error_message = NULL, completed_at = NULL, published_at = NULL, updated_at = ?, "
                  "outbox_topic = ?, outbox_body = ?, outbox_properties = ? WHERE id = ?"));
  change.bind(std::int64_t{reopened.generation}).bind(context.now).bind(reopened.outbox.topic);
  change.bind(reopened.outbox.body).bind(properties_to_json(reopened.outbox.properties));
  GEMINGA_TRY_VOID(change.bind(job.id).run());
  job.generation = reopened.generation;
  return append_event(context, job, to_string(JobStatus::pending), R"({"replay":true})");
}

Result<std::optional<StoredDecision>> find_decision(Context& context, const std::string& request_id) {
  GEMINGA_TRY(auto select,
              context.database.prepare(
                  "SELECT matched, detail_json, signal_json FROM decisions WHERE request_id = ?"));
  GEMINGA_TRY(const bool row, select.bind(request_id).step());
  if (!row) return std::nullopt;
  return StoredDecision{.request_id = request_id,
                        .matched = select.integer(0) != 0,
                        .detail_json = select.text(1),
                        .signal_json = select.text(2)};
}

}  // namespace

Result<StoredDecision> record_decision(Context& context, const StoredDecision& decision) {
  {
    GEMINGA_TRY(auto insert, context.database.prepare(
                                 "INSERT INTO decisions (request_id, matched, detail_json, signal_json, "
                                 "decided_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"));
    insert.bind(decision.request_id).bind(std::int64_t{decision.matched}).bind(decision.detail_json);
    GEMINGA_TRY_VOID(insert.bind(decision.signal_json).bind(context.now).run());
  }
  if (context.database.changes() != 0) return decision;
  GEMINGA_TRY(auto stands, find_decision(context, decision.request_id));
  return stands ? *std::move(stands) : decision;
}

Result<std::vector<StoredDecision>> find_decisions(Context& context,
                                                   const std::vector<std::string>& request_ids) {
  std::vector<StoredDecision> found;
  for (const auto& id : request_ids) {
    GEMINGA_TRY(auto stands, find_decision(context, id));
    if (!stands) {
      GEMINGA_TRY(const auto claim, find_claim(context, id));
      if (claim)
        stands = StoredDecision{.request_id = id, .matched = true, .detail_json = {}, .signal_json = {}};
    }
    if (stands) found.push_back(*std::move(stands));
  }
  return found;
}

Result<TakenClaim> take_claim(Context& context, const TakeClaim& take) {
  GEMINGA_TRY(const auto job, job_of(context, take.request_id));
  if (job && job->status == JobStatus::cancelled) return take_of_cancelled(context, take);
  if (job && job->generation > take.generation) return only(TakeResult::superseded);
  GEMINGA_TRY(const auto row, find_claim(context, take.request_id));
  auto taken = only(row ? judge(*row, take, context.now) : TakeResult::taken);
  switch (taken.result) {
    case TakeResult::taken:
    case TakeResult::outcome_unknown:
      break;
    case TakeResult::done:
      taken.result_json = row->result_json;
      taken.dead_letter_json = row->dead_letter_json;
      return taken;
    case TakeResult::retry_scheduled:
      taken.retry_at = row->retry_at;
      break;
    default:
      return taken;
  }
  // Failures are written under the generation that the row had.
  if (row && row->generation == take.generation) {
    GEMINGA_TRY(taken.failures, failures_of(context, take));
  }
  if (taken.result == TakeResult::retry_scheduled) return taken;
  const bool complete = !take.complete_with.empty();
  taken.token = base::random_uuid();
  GEMINGA_TRY_VOID(
      write_claim(context, take, taken.token, complete ? ClaimState::done : ClaimState::running));
  if (job) GEMINGA_TRY_VOID(begin_processing(context, *job));
  if (complete) {
    taken.result = TakeResult::done;
    taken.result_json = take.complete_with;
  }
  return taken;
}

Result<> finish_claim(Context& context, const FinishClaim& finish) {
  {
    GEMINGA_TRY(auto change, context.database.prepare(
                                 "UPDATE claims SET state = 'DONE', result_json = ?, dead_letter_json = ?, "
                                 "updated_at = ? WHERE request_id = ? AND token = ? AND state = 'RUNNING'"));
    change.bind(finish.result_json).bind(finish.dead_letter_json).bind(context.now);
    GEMINGA_TRY_VOID(change.bind(finish.request_id).bind(finish.token).run());
  }
  GEMINGA_TRY_VOID(guarded(context, finish.request_id));
  if (finish.failure) return write_failure(context, finish.request_id, *finish.failure);
  return {};
}

Result<> retry_claim(Context& context, const RetryClaim& retry) {
  {
    GEMINGA_TRY(auto change, context.database.prepare(
                                 "UPDATE claims SET state = 'RETRY', retry_at = ?, updated_at = ? WHERE "
                                 "request_id = ? AND token = ? AND state = 'RUNNING'"));
    change.bind(retry.retry_at).bind(context.now).bind(retry.request_id);
    GEMINGA_TRY_VOID(change.bind(retry.token).run());
  }
  GEMINGA_TRY_VOID(guarded(context, retry.request_id));
  GEMINGA_TRY_VOID(write_failure(context, retry.request_id, retry.failure));
  GEMINGA_TRY(const auto job, job_of(context, retry.request_id));
  if (job) return append_event(context, *job, "RETRY", retry_detail(retry.failure, retry.retry_at));
  return {};
}

Result<> release_claim(Context& context, const HeldClaim& claim) {
  GEMINGA_TRY(auto change,
              context.database.prepare(
                  "UPDATE claims SET state = 'RETRY', attempt = attempt - 1, updated_at = ? WHERE "
                  "request_id = ? AND token = ? AND state = 'RUNNING'"));
  GEMINGA_TRY_VOID(change.bind(context.now).bind(claim.request_id).bind(claim.token).run());
  return guarded(context, claim.request_id);
}

Result<Reopened> reopen(Context& context, const Reopen& reopen) {
  const auto& id = reopen.request_id;
  GEMINGA_TRY(const auto claim, find_claim(context, id));
  if (!claim) return fail(ErrorCode::not_found, fmt::format("request '{}' was never begun here", id));
  GEMINGA_TRY(const auto job, job_of(context, id));
  if (job && (job->status == JobStatus::completed || job->status == JobStatus::cancelled))
    return fail(ErrorCode::job_terminal,
                fmt::format("request '{}' has ended as {} since; only a failed one is replayed", id,
                            to_string(job->status)));
  // The sweep publishes what a job's row holds. Without one nobody but this caller has the message.
  if (!job && waits_for_its_replay(*claim)) {
    const auto generation = static_cast<std::uint32_t>(claim->generation);
    return Reopened{.generation = generation, .job_id = {}, .outbox = reopen.outbox(generation)};
  }
  if (claim->state != "DONE" || (job && job->status != JobStatus::failed))
    return fail(ErrorCode::conflict, fmt::format("request '{}' is under way; wait for its end", id));
  if (claim->dead_letter_json.empty())
    return fail(
        ErrorCode::conflict,
        fmt::format("request '{}' has ended without a dead letter since; there is nothing to replay", id));
  Reopened reopened;
  reopened.generation = static_cast<std::uint32_t>(claim->generation + 1);
  reopened.outbox = reopen.outbox(reopened.generation);
  GEMINGA_TRY_VOID(reopen_claim(context, id, reopened.generation));
  if (!job) return reopened;
  reopened.job_id = job->id;
  GEMINGA_TRY_VOID(reopen_job(context, *job, reopened));
  return reopened;
}

Result<std::vector<FinishedRequest>> finished(Context& context, const std::vector<std::string>& request_ids) {
  std::vector<FinishedRequest> ended;
  for (const auto& id : request_ids) {
    GEMINGA_TRY(const auto job, job_of(context, id));
    if (job && job->status == JobStatus::cancelled) {
      ended.push_back({.request_id = id, .generation = job->generation, .result_json = {}});
      continue;
    }
    GEMINGA_TRY(auto claim, find_claim(context, id));
    if (claim && claim->state == "DONE")
      ended.push_back({.request_id = id,
                       .generation = static_cast<std::uint32_t>(claim->generation),
                       .result_json = std::move(claim->result_json)});
  }
  return ended;
}

}  // namespace geminga::orchestrator::sql
