#include "orchestrator/services/job_json.hpp"

#include <nlohmann/json.hpp>

#include "base/clock.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::ordered_json;

/// Of the result event the job shows what a query would: `result` or `plan`, `tool`.
void add_result(ordered_json& out, const std::string& result_json) {
  const auto event = ordered_json::parse(result_json, nullptr, false);
  if (!event.is_object()) return;
  for (const auto* name : {"tool", "toolPath", "result", "plan"})
    if (event.contains(name)) out[name] = event[name];
}

std::string_view type_of(JobStatus status) {
  if (status == JobStatus::completed) return "job.completed";
  return status == JobStatus::failed ? "job.failed" : "job.cancelled";
}

}  // namespace

ordered_json job_json(const Job& job) {
  ordered_json out{{"jobId", job.id}, {"requestId", job.request_id}, {"query", job.query}};
  if (job.session_id) out["sessionId"] = *job.session_id;
  out["status"] = to_string(job.status);
  if (job.result_json) add_result(out, *job.result_json);
  if (job.error_message) out["error"] = *job.error_message;
  out["attempts"] = job.attempts;
  out["generation"] = job.generation;
  out["createdAt"] = base::to_iso8601(job.created_at);
  out["updatedAt"] = base::to_iso8601(job.updated_at);
  if (job.completed_at) out["completedAt"] = base::to_iso8601(*job.completed_at);
  return out;
}

std::string webhook_body(const Job& job) {
  const ordered_json body{{"type", type_of(job.status)},
                          {"timestamp", base::to_iso8601(job.completed_at.value_or(job.updated_at))},
                          {"data", job_json(job)}};
  return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace geminga::orchestrator
