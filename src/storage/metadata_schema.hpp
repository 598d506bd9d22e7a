#pragma once

#include <filesystem>
#include <string>

#include <geminga/error.hpp>

namespace geminga::storage {

class Sqlite;

inline constexpr int kMetadataSchema = 8;

/// Makes the tables in a new file, where it may be new, or checks that they are ours: schema version, UUID of
/// the directory, structure of the file. Errors: format_too_new, corrupted.
Result<> prepare_metadata_schema(Sqlite& database, const std::filesystem::path& file,
                                 const std::string& directory_uuid, bool may_create);

}  // namespace geminga::storage
