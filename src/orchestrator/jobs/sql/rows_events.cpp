#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/try.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {

using nlohmann::json;

Result<> append_event(Context& context, const JobLine& job, std::string_view event, std::string detail) {
  GEMINGA_TRY(auto insert, context.database.prepare(
                               "INSERT INTO job_events (job_id, request_id, generation, event, detail, "
                               "at) VALUES (?, ?, ?, ?, ?, ?) RETURNING sequence"));
  insert.bind(job.id).bind(job.request_id).bind(std::int64_t{job.generation}).bind(event).bind(detail);
  GEMINGA_TRY([[maybe_unused]] const bool row, insert.bind(context.now).step());
  context.events.push_back({.sequence = insert.integer(0),
                            .job_id = job.id,
                            .request_id = job.request_id,
                            .generation = job.generation,
                            .event = std::string(event),
                            .detail = std::move(detail),
                            .at = context.now,
                            .webhook = job.webhook});
  return {};
}

Result<std::vector<JobEvent>> job_events(Context& context, const std::string& job_id,
                                         std::int64_t after_sequence) {
  GEMINGA_TRY(auto select, context.database.prepare(
                               "SELECT sequence, job_id, request_id, generation, event, detail, at FROM "
                               "job_events WHERE job_id = ? AND sequence > ? ORDER BY sequence"));
  select.bind(job_id).bind(after_sequence);
  std::vector<JobEvent> events;
  for (;;) {
    GEMINGA_TRY(const bool row, select.step());
    if (!row) return events;
    events.push_back({.sequence = select.integer(0),
                      .job_id = select.text(1),
                      .request_id = select.text(2),
                      .generation = static_cast<std::uint32_t>(select.integer(3)),
                      .event = select.text(4),
                      .detail = select.text(5),
                      .at = select.time(6),
                      .webhook = false});
  }
}

std::string properties_to_json(const Properties& properties) {
  auto object = json::object();
  for (const auto& [name, value] : properties) object[name] = value;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Properties properties_from_json(const std::string& text) {
  Properties properties;
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return properties;
  for (const auto& [name, value] : object.items())
    if (value.is_string()) properties[name] = value.get<std::string>();
  return properties;
}

std::string retry_detail(const AttemptFailure& failure, Timestamp retry_at) {
  const json detail{{"attempt", failure.attempt},
                    {"outcome", failure.outcome},
                    {"error", failure.error},
                    {"retryAt", base::to_iso8601(retry_at)}};
  return detail.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace geminga::orchestrator::sql
