#pragma once

#include <string>

#include "orchestrator/jobs/postgresql/database.hpp"

namespace geminga::orchestrator::postgresql {

/// The schema that this program writes.
int schema_version();

/// Brings the schema "geminga" of the database up to `version` in one commit; the first step makes it and
/// gives the store its id. Processes that start together wait for each other. The id. Errors: format_too_new
/// (nothing is touched), config_error (no right to make a schema), unavailable.
Result<std::string> migrate(Database& database, int version = schema_version());

}  // namespace geminga::orchestrator::postgresql
