#pragma once

#include <string>

#include <geminga/error.hpp>

#include "storage/metadata.hpp"

namespace geminga::storage {

class Sqlite;

/// How tenants and namespaces come and go, and what was granted in them: the changes behind the calls of
/// MetadataStore, each one inside a commit.

Result<> insert_tenant(Sqlite& database, const std::string& tenant);
Result<> insert_namespace(Sqlite& database, const std::string& name);
Result<> remove_tenant(Sqlite& database, const std::string& tenant);
Result<> remove_namespace(Sqlite& database, const std::string& name);
Result<> store_grants(Sqlite& database, const GrantChange& change);

}  // namespace geminga::storage
