#include "base/try.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {
namespace {

// The condition of the index `jobs_untold`, word for word.
#define GEMINGA_UNTOLD                                                                                      \
  "SELECT id, request_id, generation, webhook_url, outbox_topic, outbox_properties FROM orchestrator_jobs " \
  "WHERE webhook_url IS NOT NULL AND completed_at IS NOT NULL AND told_generation < generation AND "

Result<Statement> choice(Context& context, const std::string& job_id, std::chrono::milliseconds age,
                         std::uint32_t limit) {
  if (!job_id.empty()) {
    GEMINGA_TRY(auto one, context.database.prepare(GEMINGA_UNTOLD "id = ?"));
    one.bind(job_id);
    return one;
  }
  GEMINGA_TRY(const auto now, context.database.now());
  GEMINGA_TRY(auto oldest,
              context.database.prepare(GEMINGA_UNTOLD "completed_at <= ? ORDER BY completed_at LIMIT ?"));
  oldest.bind(now - age).bind(std::int64_t{limit});
  return oldest;
}

}  // namespace

Result<std::vector<UntoldJob>> untold(Context& context, const std::string& job_id,
                                      std::chrono::milliseconds age, std::uint32_t limit) {
  GEMINGA_TRY(auto select, choice(context, job_id, age, limit));
  std::vector<UntoldJob> jobs;
  for (;;) {
    GEMINGA_TRY(const bool row, select.step());
    if (!row) return jobs;
    jobs.push_back({.id = select.text(0),
                    .request_id = select.text(1),
                    .generation = static_cast<std::uint32_t>(select.integer(2)),
                    .url = select.text(3),
                    .topic = select.text(4),
                    .properties = properties_from_json(select.text(5))});
  }
}

Result<> mark_told(Context& context, const std::string& job_id, std::uint32_t generation) {
  GEMINGA_TRY(auto change, context.database.prepare("UPDATE orchestrator_jobs SET told_generation = ? WHERE "
                                                    "id = ? AND told_generation < ?"));
  change.bind(std::int64_t{generation}).bind(job_id).bind(std::int64_t{generation});
  return change.run();
}

}  // namespace geminga::orchestrator::sql
