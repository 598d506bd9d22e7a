#pragma once

#include <geminga/error.hpp>

#include "storage/metadata.hpp"

namespace geminga::storage {

class Sqlite;

/// How compacted views come: the changes behind the calls of MetadataStore, each one inside a commit. They go
/// as topics do, by tombstone().

Result<TopicRow> insert_view(Sqlite& database, TopicId of);
Result<> change_view(Sqlite& database, TopicId of, const ViewRow& view);

}  // namespace geminga::storage
