#include "storage/metadata_schema.hpp"

#include <iterator>

#include <fmt/format.h>

#include "base/try.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {
namespace {

// AUTOINCREMENT: an id is never given twice, not even after its row is gone. docs/formats/metadata.md
// explains the tables.
constexpr char kTables[] = R"sql(
CREATE TABLE directory(
  one INTEGER PRIMARY KEY CHECK(one = 1), uuid TEXT NOT NULL, format INTEGER NOT NULL, sequence INTEGER NOT NULL);
CREATE TABLE tenants(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE namespaces(name TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants(name)) WITHOUT ROWID;
CREATE TABLE topics(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, namespace TEXT NOT NULL REFERENCES namespaces(name),
  tombstone INTEGER NOT NULL DEFAULT 0, retention_seconds INTEGER, retention_bytes INTEGER);
CREATE UNIQUE INDEX topics_by_name ON topics(name) WHERE tombstone = 0;
CREATE TABLE subscriptions(
  id INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL REFERENCES topics(id), name TEXT NOT NULL,
  type INTEGER NOT NULL, UNIQUE(topic, name));
PRAGMA user_version = 1;
)sql";

/// From schema i + 1 to i + 2. A new file takes all of them.
constexpr const char* kMigrations[] = {
    // The epoch of the last exclusive producer, NULL: there was none; policies, a row for each field that is
    // set.
    R"sql(
ALTER TABLE topics ADD COLUMN producer_epoch INTEGER;
CREATE TABLE namespace_policies(
  namespace TEXT NOT NULL REFERENCES namespaces(name), name TEXT NOT NULL, value INTEGER NOT NULL,
  PRIMARY KEY(namespace, name)) WITHOUT ROWID;
CREATE TABLE topic_policies(
  topic INTEGER NOT NULL REFERENCES topics(id), name TEXT NOT NULL, value INTEGER NOT NULL,
  PRIMARY KEY(topic, name)) WITHOUT ROWID;
PRAGMA user_version = 2;
)sql",
    R"sql(
ALTER TABLE topics ADD COLUMN terminated INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 3;
)sql",
    // A partitioned topic; its partitions are rows of topics.
    R"sql(
CREATE TABLE partitioned_topics(
  name TEXT PRIMARY KEY, namespace TEXT NOT NULL REFERENCES namespaces(name),
  partitions INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 4;
)sql",
    // What was there before held delayed messages for every consumer of ours, and goes on so.
    R"sql(
CREATE TABLE subscription_properties(
  subscription INTEGER NOT NULL REFERENCES subscriptions(id) ON DELETE CASCADE, name TEXT NOT NULL,
  value TEXT NOT NULL, PRIMARY KEY(subscription, name)) WITHOUT ROWID;
INSERT INTO subscription_properties SELECT id, 'geminga.delay', 'hold' FROM subscriptions;
PRAGMA user_version = 5;
)sql",
    // The compacted view of a topic is a row of topics too; it names the topic it is made of, which says
    // whether it is in use. No references: either row may be forgotten first.
    R"sql(
ALTER TABLE topics ADD COLUMN view INTEGER;
ALTER TABLE topics ADD COLUMN horizon INTEGER;
ALTER TABLE topics ADD COLUMN view_entries INTEGER;
ALTER TABLE topics ADD COLUMN view_of INTEGER;
PRAGMA user_version = 6;
)sql",
    // Schemas of topics, by name: a schema may be there before its topic. Type NULL: a mark, what was before
    // it was deleted and its numbers are not given again.
    R"sql(
CREATE TABLE schemas(
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, version INTEGER NOT NULL, type INTEGER,
  fingerprint TEXT NOT NULL, registered_ms INTEGER NOT NULL, definition BLOB NOT NULL, UNIQUE(topic, version));
CREATE TABLE schema_properties(
  schema INTEGER NOT NULL REFERENCES schemas(id) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(schema, name)) WITHOUT ROWID;
PRAGMA user_version = 7;
)sql",
    // Deleted names stay as long as tombstones refer to them, and may come back. A grant's scope is a tenant
    // (its administrators), a namespace or a topic; no reference, as it is one of three.
    R"sql(
ALTER TABLE tenants ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE namespaces ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
CREATE TABLE grants(
  scope TEXT NOT NULL, role TEXT NOT NULL, actions TEXT NOT NULL, PRIMARY KEY(scope, role)) WITHOUT ROWID;
PRAGMA user_version = 8;
)sql",
};
static_assert(std::size(kMigrations) + 1 == kMetadataSchema);

Result<> migrate(Sqlite& database, int version) {
  for (int next = version; next < kMetadataSchema; ++next)
    GEMINGA_TRY_VOID(database.run(kMigrations[next - 1]));
  return {};
}

Result<> create(Sqlite& database, const std::string& uuid) {
  GEMINGA_TRY_VOID(database.run("BEGIN IMMEDIATE"));
  GEMINGA_TRY_VOID(database.run(kTables));
  GEMINGA_TRY(auto insert, database.prepare("INSERT INTO directory VALUES(1, ?, 1, 0)"));
  GEMINGA_TRY_VOID(insert.bind(1, uuid).step());
  GEMINGA_TRY_VOID(migrate(database, 1));
  return database.run("COMMIT");
}

Result<> bring_up_to_date(Sqlite& database, int version) {
  if (version == kMetadataSchema) return {};
  GEMINGA_TRY_VOID(database.run("BEGIN IMMEDIATE"));
  GEMINGA_TRY_VOID(migrate(database, version));
  return database.run("COMMIT");
}

Result<> check_structure(Sqlite& database, const std::filesystem::path& file) {
  GEMINGA_TRY(auto check, database.prepare("PRAGMA quick_check(1)"));
  GEMINGA_TRY_VOID(check.step());
  if (const std::string verdict = check.text(0); verdict != "ok")
    return fail(ErrorCode::corrupted,
                fmt::format("the metadata file '{}' is damaged ({}); nothing was changed; restore "
                            "a backup",
                            file.string(), verdict));
  return {};
}

Result<> check_uuid(Sqlite& database, const std::filesystem::path& file, const std::string& uuid) {
  GEMINGA_TRY(auto select, database.prepare("SELECT uuid FROM directory"));
  GEMINGA_TRY(const bool there, select.step());
  if (there && select.text(0) == uuid) return {};
  return fail(
      ErrorCode::corrupted,
      fmt::format(
          "the metadata file '{}' belongs to another data directory ({}, this one is {}); put the right "
          "file back",
          file.string(), there ? select.text(0) : "unknown", uuid));
}

}  // namespace

Result<> prepare_metadata_schema(Sqlite& database, const std::filesystem::path& file,
                                 const std::string& directory_uuid, bool may_create) {
  int version = 0;
  {
    GEMINGA_TRY(auto select, database.prepare("PRAGMA user_version"));
    GEMINGA_TRY_VOID(select.step());
    version = static_cast<int>(select.integer(0));
  }
  if (version > kMetadataSchema)
    return fail(
        ErrorCode::format_too_new,
        fmt::format("the metadata file '{}' has schema {}, this program knows schemas up to {}; nothing was "
                    "changed; use a newer geminga",
                    file.string(), version, kMetadataSchema));
  if (version == 0 && !may_create)
    return fail(
        ErrorCode::corrupted,
        fmt::format("the metadata file '{}' holds nothing of ours; nothing was changed; restore a backup",
                    file.string()));
  if (version == 0) return create(database, directory_uuid);
  GEMINGA_TRY_VOID(check_structure(database, file));
  GEMINGA_TRY_VOID(check_uuid(database, file, directory_uuid));
  return bring_up_to_date(database, version);
}

}  // namespace geminga::storage
