#pragma once

#include <filesystem>
#include <string>

#include <geminga/error.hpp>

#include "base/try.hpp"
#include "storage/metadata_schema.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage::testing {

/// For tests of migrations: takes from metadata of this schema, which nobody has open, all that later schemas
/// added to `schema` (1 or more).
inline Result<void> bring_back_to_schema(const std::filesystem::path& file, int schema) {
  static constexpr const char* kUndo[] = {
      "DROP TABLE namespace_policies; DROP TABLE topic_policies;"
      "ALTER TABLE topics DROP COLUMN producer_epoch;",
      "ALTER TABLE topics DROP COLUMN terminated;",
      "DROP TABLE partitioned_topics;",
      "DROP TABLE subscription_properties;",
      "ALTER TABLE topics DROP COLUMN view; ALTER TABLE topics DROP COLUMN horizon;"
      "ALTER TABLE topics DROP COLUMN view_entries;"
      "ALTER TABLE topics DROP COLUMN view_of;",
      "DROP TABLE schema_properties; DROP TABLE schemas;",
      "DROP TABLE grants; ALTER TABLE tenants DROP COLUMN deleted;"
      "ALTER TABLE namespaces DROP COLUMN deleted;",
  };
  static_assert(std::size(kUndo) + 1 == kMetadataSchema);
  GEMINGA_TRY(const auto database, Sqlite::open(file, false));
  for (int at = kMetadataSchema; at > schema; --at) GEMINGA_TRY_VOID(database->run(kUndo[at - 2]));
  const std::string version = "PRAGMA user_version = " + std::to_string(schema);
  return database->run(version.c_str());
}

}  // namespace geminga::storage::testing
