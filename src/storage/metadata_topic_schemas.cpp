#include "storage/metadata_topic_schemas.hpp"

#include <fmt/format.h>

#include "base/try.hpp"
#include "storage/metadata_rows.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {
namespace {

Result<std::optional<std::uint64_t>> last_version(Sqlite& database, const std::string& topic) {
  GEMINGA_TRY(auto select, database.prepare("SELECT max(version) FROM schemas WHERE topic = ?"));
  GEMINGA_TRY_VOID(select.bind(1, topic).step());
  return select.is_null(0) ? std::nullopt : std::optional(select.integer(0));
}

Result<> check_live(Sqlite& database, TopicId topic) {
  GEMINGA_TRY(auto select, database.prepare("SELECT 1 FROM topics WHERE id = ? AND tombstone = 0"));
  GEMINGA_TRY(const bool there, select.bind(1, topic.value).step());
  if (there) return {};
  return fail(ErrorCode::topic_not_found, fmt::format("topic {} was deleted", topic.value));
}

Result<> insert_row(Sqlite& database, const SchemaRow& row) {
  GEMINGA_TRY(auto insert,
              database.prepare("INSERT INTO schemas(topic, version, type, fingerprint, registered_ms, "
                               "definition) VALUES(?, ?, ?, ?, ?, ?)"));
  insert.bind(1, row.topic).bind(2, row.version);
  if (row.type)
    insert.bind(3, std::uint64_t{*row.type});
  else
    insert.bind_null(3);
  insert.bind(4, row.fingerprint)
      .bind(5, static_cast<std::uint64_t>(row.registered.time_since_epoch().count()))
      .bind_bytes(6, row.definition);
  GEMINGA_TRY_VOID(insert.step());
  const std::uint64_t id = database.last_row_id();
  for (const auto& [name, value] : row.properties) {
    GEMINGA_TRY(auto property, database.prepare("INSERT INTO schema_properties VALUES(?, ?, ?)"));
    GEMINGA_TRY_VOID(property.bind(1, id).bind(2, name).bind(3, value).step());
  }
  return {};
}

/// The first columns of both selects.
SchemaRow row_of(const Statement& select, const std::string& topic) {
  SchemaRow row{.topic = topic,
                .version = select.integer(0),
                .fingerprint = select.text(2),
                .registered = Timestamp(std::chrono::milliseconds(select.integer(3))),
                .bytes = select.integer(4)};
  if (!select.is_null(1)) row.type = static_cast<std::uint32_t>(select.integer(1));
  return row;
}

}  // namespace

Result<std::vector<SchemaRow>> schema_marks(Sqlite& database, const std::string& topic) {
  GEMINGA_TRY(auto select, database.prepare("SELECT version, type, fingerprint, registered_ms, "
                                            "length(definition) FROM schemas "
                                            "WHERE topic = ? ORDER BY version"));
  select.bind(1, topic);
  std::vector<SchemaRow> rows;
  for (;;) {
    GEMINGA_TRY(const bool more, select.step());
    if (!more) return rows;
    rows.push_back(row_of(select, topic));
  }
}

Result<std::vector<SchemaRow>> schema_rows(Sqlite& database, const std::string& topic,
                                           std::optional<std::uint64_t> version) {
  GEMINGA_TRY(auto select,
              database.prepare("SELECT version, type, fingerprint, registered_ms, "
                               "length(definition), definition, properties.name, value "
                               "FROM schemas LEFT JOIN schema_properties AS properties ON schema = id "
                               "WHERE topic = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY version"));
  select.bind(1, topic);
  if (version)
    select.bind(2, *version);
  else
    select.bind_null(2);
  std::vector<SchemaRow> rows;
  for (;;) {
    GEMINGA_TRY(const bool more, select.step());
    if (!more) return rows;
    if (rows.empty() || rows.back().version != select.integer(0)) {
      rows.push_back(row_of(select, topic));
      rows.back().definition = select.text(5);
    }
    if (!select.is_null(6)) rows.back().properties.emplace(select.text(6), select.text(7));
  }
}

Result<> insert_schema(Sqlite& database, const SchemaRow& row, std::optional<TopicId> live) {
  GEMINGA_TRY_VOID(known_namespace_of(database, row.topic));
  if (live) GEMINGA_TRY_VOID(check_live(database, *live));
  GEMINGA_TRY(const auto last, last_version(database, row.topic));
  if (row.version != (last ? *last + 1 : 0))
    return fail(ErrorCode::conflict, fmt::format("{} has got another schema meanwhile", row.topic));
  return insert_row(database, row);
}

Result<std::optional<std::uint64_t>> remove_schemas(Sqlite& database, const std::string& topic,
                                                    SchemaRemoval how) {
  GEMINGA_TRY(const auto last, last_version(database, topic));
  if (!last) return std::nullopt;
  if (how == SchemaRemoval::keep_numbers) {
    GEMINGA_TRY(auto mark, database.prepare("SELECT 1 FROM schemas WHERE topic = ? AND version = ? "
                                            "AND type IS NULL"));
    GEMINGA_TRY(const bool marked, mark.bind(1, topic).bind(2, *last).step());
    if (marked) return last;
  }
  GEMINGA_TRY_VOID(drop_schemas(database, topic));
  if (how == SchemaRemoval::forget) return std::nullopt;
  GEMINGA_TRY_VOID(insert_row(database, {.topic = topic, .version = *last + 1}));
  return *last + 1;
}

Result<> drop_schemas(Sqlite& database, const std::string& topic) {
  GEMINGA_TRY(auto drop, database.prepare("DELETE FROM schemas WHERE topic = ?"));
  GEMINGA_TRY_VOID(drop.bind(1, topic).step());
  return {};
}

}  // namespace geminga::storage
