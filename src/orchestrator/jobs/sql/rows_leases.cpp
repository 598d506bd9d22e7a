#include <algorithm>
#include <map>
#include <span>

#include "base/try.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {
namespace {

/// In one statement: a server that is not on this machine answers each after a while.
constexpr std::size_t kTogether = 32;
#define GEMINGA_EIGHT "?, ?, ?, ?, ?, ?, ?, ?"
#define GEMINGA_TOGETHER GEMINGA_EIGHT ", " GEMINGA_EIGHT ", " GEMINGA_EIGHT ", " GEMINGA_EIGHT

/// The tokens of those that are held, and whether the job was cancelled. A token is of one claim only, so
/// that the two lists need not go together row by row.
Result<std::map<std::string, bool>> renew_together(Context& context, std::span<const HeldClaim> claims,
                                                   std::chrono::milliseconds lease) {
  GEMINGA_TRY(auto change,
              context.database.prepare(
                  "UPDATE claims SET lease_until = ? WHERE request_id IN (" GEMINGA_TOGETHER
                  ") AND token IN (" GEMINGA_TOGETHER
                  ") AND state = 'RUNNING' RETURNING token, (SELECT count(*) FROM orchestrator_jobs j WHERE "
                  "j.request_id = substr(claims.request_id, 1, instr(claims.request_id || '/', '/') - 1) AND "
                  "j.status = 'CANCELLED')"));
  change.bind(context.now + lease);
  static const HeldClaim kNone{};
  const auto at = [&](std::size_t i) -> const HeldClaim& { return i < claims.size() ? claims[i] : kNone; };
  for (std::size_t i = 0; i < kTogether; ++i) change.bind(at(i).request_id);
  for (std::size_t i = 0; i < kTogether; ++i) change.bind(at(i).token);
  std::map<std::string, bool> held;
  for (;;) {
    GEMINGA_TRY(const bool row, change.step());
    if (!row) return held;
    held.emplace(change.text(0), change.integer(1) != 0);
  }
}

}  // namespace

Result<std::vector<StoppedClaim>> renew_leases(Context& context, const std::vector<HeldClaim>& claims,
                                               std::chrono::milliseconds lease) {
  std::vector<StoppedClaim> stopped;
  for (std::size_t at = 0; at < claims.size(); at += kTogether) {
    const auto some = std::span(claims).subspan(at, std::min(kTogether, claims.size() - at));
    GEMINGA_TRY(const auto held, renew_together(context, some, lease));
    for (const auto& claim : some) {
      const auto found = held.find(claim.token);
      if (found == held.end() || found->second)
        stopped.push_back({.claim = claim, .cancelled = found != held.end()});
    }
  }
  return stopped;
}

Result<std::uint64_t> expire_other_leases(Context& context, const std::string& owner,
                                          const std::string& instance) {
  GEMINGA_TRY(auto change,
              context.database.prepare(
                  "UPDATE claims SET lease_until = 0 WHERE state = 'RUNNING' AND state <> 'DONE' AND "
                  "owner <> ?1 AND substr(owner, 1, length(?2)) = ?2"));
  GEMINGA_TRY_VOID(change.bind(owner).bind(instance).run());
  return static_cast<std::uint64_t>(context.database.changes());
}

}  // namespace geminga::orchestrator::sql
