#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "storage/metadata.hpp"

namespace geminga::storage {

class Sqlite;

/// The schemas of topics: what is behind the calls of MetadataStore, each one inside a commit.

Result<std::vector<SchemaRow>> schema_marks(Sqlite& database, const std::string& topic);
Result<std::vector<SchemaRow>> schema_rows(Sqlite& database, const std::string& topic,
                                           std::optional<std::uint64_t> version);
Result<> insert_schema(Sqlite& database, const SchemaRow& row, std::optional<TopicId> live);
Result<std::optional<std::uint64_t>> remove_schemas(Sqlite& database, const std::string& topic,
                                                    SchemaRemoval how);
/// Nothing is left of them; for the deletion of a topic.
Result<> drop_schemas(Sqlite& database, const std::string& topic);

}  // namespace geminga::storage
