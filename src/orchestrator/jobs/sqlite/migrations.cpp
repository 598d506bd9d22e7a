#include "orchestrator/jobs/sqlite/migrations.hpp"

#include <array>

#include <fmt/format.h>

#include "base/try.hpp"
#include "base/uuid.hpp"

namespace geminga::orchestrator::sqlite {
namespace {

// Times are milliseconds since 1970 UTC. A released step never changes; a change of the schema is a new step.
constexpr std::array<const char*, 4> kSteps{
    R"sql(
CREATE TABLE store_identity (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL
);
CREATE TABLE orchestrator_jobs (
  id TEXT NOT NULL PRIMARY KEY,
  request_id TEXT NOT NULL UNIQUE,
  query TEXT NOT NULL,
  session_id TEXT,
  status TEXT NOT NULL CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')),
  result_json TEXT,
  error_message TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  completed_at INTEGER,
  published_at INTEGER,
  generation INTEGER NOT NULL DEFAULT 0,
  idempotency_key TEXT UNIQUE,
  outbox_topic TEXT NOT NULL,
  outbox_body TEXT NOT NULL,
  outbox_properties TEXT NOT NULL
);
CREATE INDEX jobs_by_status ON orchestrator_jobs (status, created_at);
CREATE INDEX jobs_by_created_at ON orchestrator_jobs (created_at, id);
CREATE INDEX jobs_by_session ON orchestrator_jobs (session_id, created_at) WHERE session_id IS NOT NULL;
CREATE INDEX jobs_unpublished ON orchestrator_jobs (updated_at)
  WHERE published_at IS NULL AND status = 'PENDING';
CREATE TABLE job_events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  event TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  at INTEGER NOT NULL
);
CREATE INDEX job_events_by_job ON job_events (job_id, sequence);
CREATE TABLE decisions (
  request_id TEXT NOT NULL PRIMARY KEY,
  matched INTEGER NOT NULL,
  detail_json TEXT NOT NULL,
  signal_json TEXT NOT NULL,
  decided_at INTEGER NOT NULL
);
CREATE TABLE claims (
  request_id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('tool', 'plan')),
  generation INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('RUNNING', 'RETRY', 'DONE')),
  owner TEXT NOT NULL,
  token TEXT NOT NULL,
  lease_until INTEGER NOT NULL,
  retry_at INTEGER NOT NULL DEFAULT 0,
  result_json TEXT NOT NULL DEFAULT '',
  dead_letter_json TEXT NOT NULL DEFAULT '',
  updated_at INTEGER NOT NULL
);
CREATE INDEX claims_open ON claims (state) WHERE state <> 'DONE';
CREATE TABLE claim_failures (
  request_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (request_id, generation, attempt)
) WITHOUT ROWID;
)sql",
    // What has ended is found by its time; dead letters that nobody wants are noted.
    R"sql(
CREATE INDEX jobs_by_end ON orchestrator_jobs (completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX claims_by_end ON claims (updated_at) WHERE state = 'DONE';
CREATE INDEX decisions_by_time ON decisions (decided_at);
CREATE TABLE discarded_letters (
  message_id TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL
) WITHOUT ROWID;
)sql",
    // Whose a job is; empty: written before jobs had tenants, or on a bus without namespaces.
    R"sql(
ALTER TABLE orchestrator_jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_by_tenant ON orchestrator_jobs (tenant, created_at, id);
)sql",
    // Who is told of a job's end, and the last generation whose end the bus has for that.
    R"sql(
ALTER TABLE orchestrator_jobs ADD COLUMN webhook_url TEXT;
ALTER TABLE orchestrator_jobs ADD COLUMN told_generation INTEGER NOT NULL DEFAULT -1;
CREATE INDEX jobs_untold ON orchestrator_jobs (completed_at)
  WHERE webhook_url IS NOT NULL AND completed_at IS NOT NULL AND told_generation < generation;
)sql"};

Result<int> current_version(Database& database) {
  GEMINGA_TRY(auto statement, database.prepare("PRAGMA user_version"));
  GEMINGA_TRY([[maybe_unused]] const bool row, statement.step());
  return static_cast<int>(statement.integer(0));
}

Result<> apply_step(Database& database, int number) {
  GEMINGA_TRY_VOID(database.execute("BEGIN IMMEDIATE"));
  auto applied = database.execute(kSteps.at(static_cast<std::size_t>(number - 1)));
  if (applied && number == 1)
    applied = database.execute(
        fmt::format("INSERT INTO store_identity (one, id) VALUES (1, '{}')", base::random_uuid()));
  if (applied) applied = database.execute(fmt::format("PRAGMA user_version={}", number));
  if (applied) applied = database.execute("COMMIT");
  if (!applied && database.in_transaction()) GEMINGA_TRY_VOID(database.execute("ROLLBACK"));
  return applied;
}

}  // namespace

int schema_version() {
  return static_cast<int>(kSteps.size());
}

Result<> migrate(Database& database) {
  GEMINGA_TRY(const int found, current_version(database));
  if (found > schema_version())
    return fail(
        ErrorCode::format_too_new,
        fmt::format("the jobs store has schema {}, this program knows up to {}; use the newer program", found,
                    schema_version()));
  for (int number = found + 1; number <= schema_version(); ++number)
    GEMINGA_TRY_VOID(apply_step(database, number));
  return {};
}

Result<std::string> store_id(Database& database) {
  GEMINGA_TRY(auto statement, database.prepare("SELECT id FROM store_identity"));
  GEMINGA_TRY(const bool row, statement.step());
  if (!row) return fail(ErrorCode::corrupted, "the jobs store has no identity; restore it from a copy");
  return statement.text(0);
}

}  // namespace geminga::orchestrator::sqlite
