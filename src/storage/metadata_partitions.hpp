#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "storage/metadata.hpp"

namespace geminga::storage {

class Sqlite;

/// How names of plain and partitioned topics come and go: the changes behind the calls of MetadataStore, each
/// one inside a commit.

Result<TopicRow> insert_plain_topic(Sqlite& database, const std::string& name);
Result<std::vector<TopicRow>> insert_partitioned_topic(Sqlite& database, const std::string& name,
                                                       std::uint32_t partitions);
Result<std::vector<TopicRow>> insert_partitions(Sqlite& database, const std::string& name,
                                                std::uint32_t partitions);
Result<> update_partitions(Sqlite& database, const std::string& name, std::uint32_t partitions);
Result<> remove_partitioned_topic(Sqlite& database, const std::string& name,
                                  const std::vector<TopicId>& partitions);

}  // namespace geminga::storage
