#include <limits>

#include <fmt/format.h>

#include "base/try.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {
namespace {

// The columns of read_job(), in its order; attempts come from the claim of the request.
#define GEMINGA_JOB_COLUMNS                                                                                \
  "SELECT j.id, j.request_id, j.query, j.session_id, j.status, j.result_json, j.error_message, "           \
  "j.generation, coalesce(c.attempt + 1, 0), j.created_at, j.updated_at, j.completed_at, "                 \
  "j.published_at, j.tenant, j.webhook_url FROM orchestrator_jobs j LEFT JOIN claims c ON c.request_id = " \
  "j.request_id AND c.generation = j.generation "

std::optional<Timestamp> optional_time(const Statement& row, int column) {
  if (row.null(column)) return std::nullopt;
  return row.time(column);
}

Result<Job> read_job(const Statement& row) {
  GEMINGA_TRY(const auto status, parse_job_status(row.text(4)));
  return Job{.id = row.text(0),
             .request_id = row.text(1),
             .tenant = row.text(13),
             .query = row.text(2),
             .session_id = row.optional_text(3),
             .status = status,
             .result_json = row.optional_text(5),
             .error_message = row.optional_text(6),
             .generation = static_cast<std::uint32_t>(row.integer(7)),
             .attempts = static_cast<std::uint32_t>(row.integer(8)),
             .created_at = row.time(9),
             .updated_at = row.time(10),
             .completed_at = optional_time(row, 11),
             .published_at = optional_time(row, 12),
             .webhook_url = row.optional_text(14)};
}

/// The job that a statement with GEMINGA_JOB_COLUMNS finds by its one parameter.
Result<std::optional<Job>> one_job(Context& context, const char* sql, const std::string& key) {
  GEMINGA_TRY(auto select, context.database.prepare(sql));
  GEMINGA_TRY(const bool row, select.bind(key).step());
  if (!row) return std::nullopt;
  GEMINGA_TRY(auto job, read_job(select));
  return job;
}

std::unexpected<Error> no_job(std::string_view what, const std::string& id) {
  return fail(ErrorCode::not_found, fmt::format("no job with {} '{}'", what, id));
}

Result<Job> found(Result<std::optional<Job>> job, std::string_view what, const std::string& id) {
  if (!job) return std::unexpected(std::move(job).error());
  if (!*job) return no_job(what, id);
  return std::move(**job);
}

Result<> write_job(Context& context, const NewJob& job) {
  GEMINGA_TRY(
      auto insert,
      context.database.prepare(
          "INSERT INTO orchestrator_jobs (id, request_id, query, session_id, status, "
          "created_at, updated_at, idempotency_key, outbox_topic, outbox_body, "
          "outbox_properties, tenant, webhook_url) VALUES (?, ?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, "
          "?)"));
  insert.bind(job.id).bind(job.request_id).bind(job.query).bind(job.session_id).bind(context.now);
  insert.bind(context.now).bind(job.idempotency_key).bind(job.outbox.topic).bind(job.outbox.body);
  insert.bind(properties_to_json(job.outbox.properties)).bind(job.tenant);
  return insert.bind(job.webhook_url).run();
}

Result<> end_job(Context& context, const JobLine& job, const ResultUpdate& update) {
  GEMINGA_TRY(auto change,
              context.database.prepare("UPDATE orchestrator_jobs SET status = ?, result_json = ?, "
                                       "error_message = ?, updated_at = ?, completed_at = ? WHERE id = ?"));
  change.bind(to_string(update.status)).bind(update.result_json).bind(update.error_message);
  GEMINGA_TRY_VOID(change.bind(context.now).bind(context.now).bind(job.id).run());
  return append_event(context, job, to_string(update.status));
}

/// Once for each generation: a result that comes again adds nothing.
Result<> note_late_result(Context& context, const JobLine& job, const ResultUpdate& update) {
  GEMINGA_TRY(auto known, context.database.prepare("SELECT 1 FROM job_events WHERE job_id = ? AND event = "
                                                   "'LATE_RESULT' AND detail = ?"));
  GEMINGA_TRY(const bool row, known.bind(job.id).bind(update.result_json).step());
  if (row) return {};
  return append_event(context, job, "LATE_RESULT", update.result_json);
}

// A statement of its own for each choice, so that each goes along its index.
#define GEMINGA_JOB_LIST(condition)      \
  GEMINGA_JOB_COLUMNS "WHERE " condition \
                      "(j.created_at, j.id) < (?, ?) ORDER BY j.created_at DESC, j.id DESC LIMIT ?"
/// By which of tenant (4), session (2) and status (1) is asked for.
constexpr const char* kLists[] = {
    GEMINGA_JOB_LIST(""),
    GEMINGA_JOB_LIST("j.status = ? AND "),
    GEMINGA_JOB_LIST("j.session_id = ? AND "),
    GEMINGA_JOB_LIST("j.session_id = ? AND j.status = ? AND "),
    GEMINGA_JOB_LIST("j.tenant = ? AND "),
    GEMINGA_JOB_LIST("j.tenant = ? AND j.status = ? AND "),
    GEMINGA_JOB_LIST("j.tenant = ? AND j.session_id = ? AND "),
    GEMINGA_JOB_LIST("j.tenant = ? AND j.session_id = ? AND j.status = ? AND "),
};

}  // namespace

JobLine line_of(const Job& job) {
  return {.id = job.id,
          .request_id = job.request_id,
          .status = job.status,
          .generation = job.generation,
          .webhook = job.webhook_url.has_value()};
}

Result<InsertedJob> insert_job(Context& context, const NewJob& job) {
  if (job.idempotency_key) {
    GEMINGA_TRY(auto known,
                one_job(context, GEMINGA_JOB_COLUMNS "WHERE j.idempotency_key = ?", *job.idempotency_key));
    if (known) return InsertedJob{.job = *std::move(known), .existed = true};
  }
  GEMINGA_TRY_VOID(write_job(context, job));
  Job row;
  row.id = job.id;
  row.request_id = job.request_id;
  row.tenant = job.tenant;
  row.query = job.query;
  row.session_id = job.session_id;
  row.webhook_url = job.webhook_url;
  row.created_at = row.updated_at = context.now;
  GEMINGA_TRY_VOID(append_event(context, line_of(row), to_string(JobStatus::pending)));
  return InsertedJob{.job = std::move(row), .existed = false};
}

Result<bool> mark_published(Context& context, const std::string& job_id, std::uint32_t generation) {
  GEMINGA_TRY(auto change,
              context.database.prepare("UPDATE orchestrator_jobs SET published_at = "
                                       "coalesce(published_at, ?), outbox_body = '' WHERE id = ? "
                                       "AND generation = ?"));
  GEMINGA_TRY_VOID(change.bind(context.now).bind(job_id).bind(std::int64_t{generation}).run());
  return context.database.changes() != 0;
}

Result<bool> discard_unpublished(Context& context, const std::string& job_id) {
  {
    GEMINGA_TRY(auto remove,
                context.database.prepare("DELETE FROM orchestrator_jobs WHERE id = ? AND status = "
                                         "'PENDING' AND published_at IS NULL AND generation = 0"));
    GEMINGA_TRY_VOID(remove.bind(job_id).run());
  }
  if (context.database.changes() == 0) return false;
  GEMINGA_TRY(auto forget, context.database.prepare("DELETE FROM job_events WHERE job_id = ?"));
  GEMINGA_TRY_VOID(forget.bind(job_id).run());
  return true;
}

Result<std::vector<UnpublishedJob>> unpublished(Context& context, std::chrono::milliseconds age,
                                                std::uint32_t limit) {
  GEMINGA_TRY(const auto now, context.database.now());
  GEMINGA_TRY(auto select, context.database.prepare(
                               "SELECT id, request_id, generation, outbox_topic, outbox_body, "
                               "outbox_properties FROM orchestrator_jobs WHERE published_at IS NULL AND "
                               "status = 'PENDING' AND updated_at <= ? ORDER BY updated_at LIMIT ?"));
  select.bind(now - age).bind(std::int64_t{limit});
  std::vector<UnpublishedJob> jobs;
  for (;;) {
    GEMINGA_TRY(const bool row, select.step());
    if (!row) return jobs;
    jobs.push_back({.id = select.text(0),
                    .request_id = select.text(1),
                    .generation = static_cast<std::uint32_t>(select.integer(2)),
                    .outbox = {.topic = select.text(3),
                               .body = select.text(4),
                               .properties = properties_from_json(select.text(5))}});
  }
}

Result<Job> cancel_job(Context& context, const std::string& job_id) {
  GEMINGA_TRY(auto job, find_job(context, job_id));
  if (terminal(job.status))
    return fail(ErrorCode::job_terminal,
                fmt::format("job '{}' has ended already as {}", job_id, to_string(job.status)));
  GEMINGA_TRY(auto change, context.database.prepare("UPDATE orchestrator_jobs SET status = 'CANCELLED', "
                                                    "updated_at = ?, completed_at = ? WHERE id = ?"));
  GEMINGA_TRY_VOID(change.bind(context.now).bind(context.now).bind(job_id).run());
  job.status = JobStatus::cancelled;
  job.updated_at = context.now;
  job.completed_at = context.now;
  GEMINGA_TRY_VOID(append_event(context, line_of(job), to_string(job.status)));
  return job;
}

Result<ResultApplied> apply_result(Context& context, const ResultUpdate& update) {
  GEMINGA_TRY(const auto job, find_line_of_request(context, update.request_id));
  if (!job) return ResultApplied::unknown_request;
  if (job->status == JobStatus::cancelled || job->generation != update.generation) {
    GEMINGA_TRY_VOID(note_late_result(context, *job, update));
    return ResultApplied::late;
  }
  if (terminal(job->status)) return ResultApplied::unchanged;
  GEMINGA_TRY_VOID(end_job(context, *job, update));
  return ResultApplied::applied;
}

Result<Job> find_job(Context& context, const std::string& job_id) {
  return found(one_job(context, GEMINGA_JOB_COLUMNS "WHERE j.id = ?", job_id), "id", job_id);
}

Result<Job> find_job_of_request(Context& context, const std::string& request_id) {
  return found(one_job(context, GEMINGA_JOB_COLUMNS "WHERE j.request_id = ?", request_id), "request id",
               request_id);
}

Result<std::optional<JobLine>> find_line_of_request(Context& context, const std::string& request_id) {
  GEMINGA_TRY(auto select, context.database.prepare("SELECT id, status, generation, CASE WHEN webhook_url "
                                                    "IS NULL THEN 0 ELSE 1 END FROM orchestrator_jobs "
                                                    "WHERE request_id = ?"));
  GEMINGA_TRY(const bool row, select.bind(request_id).step());
  if (!row) return std::nullopt;
  GEMINGA_TRY(const auto status, parse_job_status(select.text(1)));
  return JobLine{.id = select.text(0),
                 .request_id = request_id,
                 .status = status,
                 .generation = static_cast<std::uint32_t>(select.integer(2)),
                 .webhook = select.integer(3) != 0};
}

Result<std::vector<Job>> list_jobs(Context& context, const JobFilter& filter) {
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  if (!filter.after_id.empty()) {
    GEMINGA_TRY(const auto last, find_job(context, filter.after_id));
    if (filter.tenant && *filter.tenant != last.tenant) return no_job("id", filter.after_id);
    before = last.created_at.time_since_epoch().count();
  }
  const auto number = (filter.status ? 1U : 0U) + (filter.session_id ? 2U : 0U) + (filter.tenant ? 4U : 0U);
  GEMINGA_TRY(auto select, context.database.prepare(kLists[number]));
  if (filter.tenant) select.bind(*filter.tenant);
  if (filter.session_id) select.bind(*filter.session_id);
  if (filter.status) select.bind(to_string(*filter.status));
  select.bind(before).bind(filter.after_id).bind(std::int64_t{filter.limit});
  std::vector<Job> jobs;
  for (;;) {
    GEMINGA_TRY(const bool row, select.step());
    if (!row) return jobs;
    GEMINGA_TRY(auto job, read_job(select));
    jobs.push_back(std::move(job));
  }
}

Result<StoreCounts> counts(Context& context) {
  StoreCounts result;
  GEMINGA_TRY(auto jobs,
              context.database.prepare("SELECT status, count(*) FROM orchestrator_jobs GROUP BY status"));
  for (;;) {
    GEMINGA_TRY(const bool row, jobs.step());
    if (!row) break;
    GEMINGA_TRY(const auto status, parse_job_status(jobs.text(0)));
    std::uint64_t* const counters[] = {&result.pending, &result.processing, &result.completed, &result.failed,
                                       &result.cancelled};
    *counters[static_cast<std::size_t>(status)] = static_cast<std::uint64_t>(jobs.integer(1));
  }
  GEMINGA_TRY(auto claims, context.database.prepare(
                               "SELECT count(*) FILTER (WHERE state = 'RUNNING'), count(*) FILTER (WHERE "
                               "state = 'RETRY') FROM claims WHERE state <> 'DONE'"));
  GEMINGA_TRY([[maybe_unused]] const bool row, claims.step());
  result.claims_running = static_cast<std::uint64_t>(claims.integer(0));
  result.claims_retry = static_cast<std::uint64_t>(claims.integer(1));
  return result;
}

}  // namespace geminga::orchestrator::sql
