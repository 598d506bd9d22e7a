#pragma once

#include <string>

#include "orchestrator/jobs/sqlite/database.hpp"

namespace geminga::orchestrator::sqlite {

/// The schema that this program writes.
int schema_version();

/// Brings the file up to schema_version(), one step at a time, each in a commit of its own; the first gives
/// the store its id. Errors: format_too_new (nothing is touched), disk_error.
Result<> migrate(Database& database);

/// The UUID that the first migration wrote.
Result<std::string> store_id(Database& database);

}  // namespace geminga::orchestrator::sqlite
