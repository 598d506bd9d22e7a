#include "orchestrator/jobs/postgresql/migrations.hpp"

#include <array>

#include <fmt/format.h>

#include "base/try.hpp"
#include "base/uuid.hpp"

namespace geminga::orchestrator::postgresql {
namespace {

// Times are milliseconds since 1970 UTC. Texts are compared byte by byte, as SQLite does, whatever the
// database's own order is. A released step never changes; a change of the schema is a new step.
constexpr std::array<const char*, 3> kSteps{
    R"sql(
CREATE SCHEMA geminga;
CREATE TABLE store_identity (
  one integer PRIMARY KEY CHECK (one = 1),
  id text NOT NULL,
  schema_version integer NOT NULL
);
CREATE TABLE writers (
  id text NOT NULL PRIMARY KEY,
  last_group bigint NOT NULL,
  at bigint NOT NULL
);
CREATE TABLE orchestrator_jobs (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  request_id text COLLATE "C" NOT NULL UNIQUE,
  query text COLLATE "C" NOT NULL,
  session_id text COLLATE "C",
  status text COLLATE "C" NOT NULL
    CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')),
  result_json text COLLATE "C",
  error_message text COLLATE "C",
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  completed_at bigint,
  published_at bigint,
  generation bigint NOT NULL DEFAULT 0,
  idempotency_key text COLLATE "C" UNIQUE,
  outbox_topic text COLLATE "C" NOT NULL,
  outbox_body text COLLATE "C" NOT NULL,
  outbox_properties text COLLATE "C" NOT NULL
);
CREATE INDEX jobs_by_status ON orchestrator_jobs (status, created_at);
CREATE INDEX jobs_by_created_at ON orchestrator_jobs (created_at, id);
CREATE INDEX jobs_by_session ON orchestrator_jobs (session_id, created_at) WHERE session_id IS NOT NULL;
CREATE INDEX jobs_unpublished ON orchestrator_jobs (updated_at)
  WHERE published_at IS NULL AND status = 'PENDING';
CREATE INDEX jobs_by_end ON orchestrator_jobs (completed_at) WHERE completed_at IS NOT NULL;
CREATE TABLE job_events (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id text COLLATE "C" NOT NULL,
  request_id text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  event text COLLATE "C" NOT NULL,
  detail text COLLATE "C" NOT NULL DEFAULT '',
  at bigint NOT NULL
);
CREATE INDEX job_events_by_job ON job_events (job_id, sequence);
CREATE TABLE decisions (
  request_id text COLLATE "C" NOT NULL PRIMARY KEY,
  matched bigint NOT NULL,
  detail_json text COLLATE "C" NOT NULL,
  signal_json text COLLATE "C" NOT NULL,
  decided_at bigint NOT NULL
);
CREATE INDEX decisions_by_time ON decisions (decided_at);
CREATE TABLE claims (
  request_id text COLLATE "C" NOT NULL PRIMARY KEY,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('tool', 'plan')),
  generation bigint NOT NULL,
  attempt bigint NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('RUNNING', 'RETRY', 'DONE')),
  owner text COLLATE "C" NOT NULL,
  token text COLLATE "C" NOT NULL,
  lease_until bigint NOT NULL,
  retry_at bigint NOT NULL DEFAULT 0,
  result_json text COLLATE "C" NOT NULL DEFAULT '',
  dead_letter_json text COLLATE "C" NOT NULL DEFAULT '',
  updated_at bigint NOT NULL
);
CREATE INDEX claims_open ON claims (state) WHERE state <> 'DONE';
CREATE INDEX claims_by_end ON claims (updated_at) WHERE state = 'DONE';
CREATE TABLE claim_failures (
  request_id text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  attempt bigint NOT NULL,
  at bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  error text COLLATE "C" NOT NULL,
  PRIMARY KEY (request_id, generation, attempt)
);
CREATE TABLE discarded_letters (
  message_id text COLLATE "C" NOT NULL PRIMARY KEY,
  at bigint NOT NULL
);
-- By the name that SQLite has for it, so that both read the same statements.
CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS 'SELECT strpos($1, $2)';
)sql",
    // Whose a job is; empty: written before jobs had tenants, or on a bus without namespaces.
    R"sql(
ALTER TABLE orchestrator_jobs ADD COLUMN tenant text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX jobs_by_tenant ON orchestrator_jobs (tenant, created_at, id);
)sql",
    // Who is told of a job's end, and the last generation whose end the bus has for that.
    R"sql(
ALTER TABLE orchestrator_jobs ADD COLUMN webhook_url text COLLATE "C";
ALTER TABLE orchestrator_jobs ADD COLUMN told_generation bigint NOT NULL DEFAULT -1;
CREATE INDEX jobs_untold ON orchestrator_jobs (completed_at)
  WHERE webhook_url IS NOT NULL AND completed_at IS NOT NULL AND told_generation < generation;
)sql"};

/// 0: there is no store yet.
Result<std::int64_t> current_version(Database& database) {
  GEMINGA_TRY(auto there, database.prepare("SELECT to_regclass('geminga.store_identity') IS NULL"));
  GEMINGA_TRY([[maybe_unused]] const bool found, there.step());
  if (there.text(0) == "t") return 0;
  GEMINGA_TRY(auto select, database.prepare("SELECT schema_version FROM store_identity"));
  GEMINGA_TRY(const bool row, select.step());
  return row ? select.integer(0) : 0;
}

Result<> apply_steps(Database& database, std::int64_t from, int to) {
  for (auto number = from + 1; number <= to; ++number) {
    GEMINGA_TRY_VOID(database.execute(kSteps.at(static_cast<std::size_t>(number - 1))));
    if (number == 1)
      GEMINGA_TRY_VOID(database.execute(
          fmt::format("INSERT INTO store_identity VALUES (1, '{}', 1)", base::random_uuid())));
  }
  return database.execute(fmt::format("UPDATE store_identity SET schema_version = {}", to));
}

Result<std::string> migrate_in_transaction(Database& database, int version) {
  // Any number that nothing else in the database takes for a lock.
  GEMINGA_TRY_VOID(database.execute("BEGIN; SELECT pg_advisory_xact_lock(7236833416291874)"));
  GEMINGA_TRY(const auto found, current_version(database));
  if (found > version)
    return fail(
        ErrorCode::format_too_new,
        fmt::format("the jobs store has schema {}, this program knows up to {}; use the newer program", found,
                    version));
  if (found < version) GEMINGA_TRY_VOID(apply_steps(database, found, version));
  // Marks of those who have ended long ago; nobody will ask for them any more.
  GEMINGA_TRY_VOID(database.execute(
      "DELETE FROM writers WHERE at < (extract(epoch FROM now() - interval '30 days') * 1000)::bigint"));
  std::string id;
  {
    GEMINGA_TRY(auto select, database.prepare("SELECT id FROM store_identity"));
    GEMINGA_TRY([[maybe_unused]] const bool row, select.step());
    id = select.text(0);
  }
  GEMINGA_TRY_VOID(database.execute("COMMIT"));
  return id;
}

}  // namespace

int schema_version() {
  return static_cast<int>(kSteps.size());
}

Result<std::string> migrate(Database& database, int version) {
  auto id = migrate_in_transaction(database, version);
  if (id) return id;
  if (database.in_transaction())
    if (auto undone = database.execute("ROLLBACK"); !undone) return std::unexpected(undone.error());
  if (id.error().code != ErrorCode::config_error) return id;
  return fail(ErrorCode::config_error,
              fmt::format("{}; let this user make a schema: GRANT CREATE ON DATABASE ... TO ...",
                          id.error().message));
}

}  // namespace geminga::orchestrator::postgresql
