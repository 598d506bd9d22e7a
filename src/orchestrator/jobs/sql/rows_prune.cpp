#include <utility>

#include "base/try.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {
namespace {

struct Ended {
  std::string job_id;  ///< empty: of a request that has no job
  std::string request_id;
  Timestamp at{};
};

Result<> remove(Context& context, const char* sql, const std::string& key) {
  GEMINGA_TRY(auto statement, context.database.prepare(sql));
  return statement.bind(key).run();
}

/// Steps of plans are claimed as "requestId/stepId"; '0' is the character behind '/'.
Result<> remove_request(Context& context, const Ended& ended) {
  for (const char* sql :
       {"DELETE FROM claims WHERE request_id = ?1 OR (request_id > ?1 || '/' AND request_id < ?1 || '0')",
        "DELETE FROM claim_failures WHERE request_id = ?1 OR (request_id > ?1 || '/' AND request_id < ?1 || "
        "'0')",
        "DELETE FROM decisions WHERE request_id = ?"})
    GEMINGA_TRY_VOID(remove(context, sql, ended.request_id));
  if (ended.job_id.empty()) return {};
  GEMINGA_TRY_VOID(remove(context, "DELETE FROM job_events WHERE job_id = ?", ended.job_id));
  return remove(context, "DELETE FROM orchestrator_jobs WHERE id = ?", ended.job_id);
}

Result<std::vector<Ended>> select_ended(Context& context, const char* sql, Timestamp from, Timestamp before,
                                        std::uint32_t limit) {
  GEMINGA_TRY(auto select, context.database.prepare(sql));
  select.bind(from).bind(before).bind(std::int64_t{limit});
  std::vector<Ended> ended;
  for (;;) {
    GEMINGA_TRY(const bool row, select.step());
    if (!row) return ended;
    ended.push_back({.job_id = select.text(0), .request_id = select.text(1), .at = select.time(2)});
  }
}

// A claim that is open, or that a dead letter may reopen, keeps its request.
#define GEMINGA_KEPT                                                                            \
  "EXISTS (SELECT 1 FROM claims c WHERE c.request_id = x.request_id AND (c.state <> 'DONE' OR " \
  "c.dead_letter_json <> ''))"

constexpr const char* kEndedJobs =
    "SELECT x.id, x.request_id, x.completed_at FROM orchestrator_jobs x WHERE x.completed_at >= ? AND "
    "x.completed_at < ? AND x.status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND (x.webhook_url IS NULL OR "
    "x.told_generation >= x.generation) AND NOT " GEMINGA_KEPT " ORDER BY x.completed_at LIMIT ?";

#define GEMINGA_WITHOUT_JOB                                                  \
  " AND NOT EXISTS (SELECT 1 FROM orchestrator_jobs j WHERE j.request_id = " \
  "substr(x.request_id, 1, instr(x.request_id || '/', '/') - 1)) "

// What was published straight to the topics has a decision and a claim, but no job.
constexpr const char* kDecisionsWithoutJob =
    "SELECT '', x.request_id, x.decided_at FROM decisions x WHERE x.decided_at >= ? AND x.decided_at < ? AND "
    "NOT " GEMINGA_KEPT GEMINGA_WITHOUT_JOB "ORDER BY x.decided_at LIMIT ?";
constexpr const char* kClaimsWithoutJob =
    "SELECT '', x.request_id, x.updated_at FROM claims x WHERE x.state = 'DONE' AND x.updated_at >= ? AND "
    "x.updated_at < ? AND NOT " GEMINGA_KEPT GEMINGA_WITHOUT_JOB "ORDER BY x.updated_at LIMIT ?";

/// Takes away what `sql` finds and puts `from` where the next look begins. Gives how many.
Result<std::uint64_t> prune_kind(Context& context, const char* sql, Timestamp before, std::uint32_t limit,
                                 Timestamp& from) {
  GEMINGA_TRY(const auto ended, select_ended(context, sql, from, before, limit));
  for (const auto& one : ended) GEMINGA_TRY_VOID(remove_request(context, one));
  from = ended.size() < limit ? before : ended.back().at;
  return ended.size();
}

}  // namespace

Result<Pruned> prune(Context& context, Timestamp before, std::uint32_t limit, const PruneFrom& from) {
  Pruned pruned{.requests = 0, .next = from};
  const std::pair<const char*, Timestamp*> kinds[] = {{kEndedJobs, &pruned.next.jobs},
                                                      {kDecisionsWithoutJob, &pruned.next.decisions},
                                                      {kClaimsWithoutJob, &pruned.next.claims}};
  for (const auto& [sql, next] : kinds) {
    GEMINGA_TRY(const auto count, prune_kind(context, sql, before, limit, *next));
    pruned.requests += count;
  }
  return pruned;
}

}  // namespace geminga::orchestrator::sql
