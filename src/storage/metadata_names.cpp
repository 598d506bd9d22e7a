#include "storage/metadata_names.hpp"

#include <fmt/format.h>

#include "base/try.hpp"
#include "storage/metadata_rows.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {
namespace {

constexpr char kKnownTenant[] = "SELECT 1 FROM tenants WHERE name = ? AND deleted = 0";

Result<> run(Sqlite& database, const char* sql, std::string_view key) {
  GEMINGA_TRY(auto statement, database.prepare(sql));
  GEMINGA_TRY_VOID(statement.bind(1, key).step());
  return {};
}

std::unexpected<Error> missing(const char* what, std::string_view name) {
  return fail(ErrorCode::not_found, fmt::format("{} '{}' does not exist", what, name));
}

Result<bool> knows_topic(Sqlite& database, std::string_view name) {
  GEMINGA_TRY(const bool plain,
              exists(database, "SELECT 1 FROM topics WHERE name = ? AND tombstone = 0", name));
  if (plain) return true;
  return exists(database, "SELECT 1 FROM partitioned_topics WHERE name = ?", name);
}

Result<> check_scope(Sqlite& database, const std::string& scope) {
  const bool is_topic = scope.contains("://");
  const bool is_namespace = !is_topic && scope.contains('/');
  GEMINGA_TRY(const bool there, is_topic
                                    ? knows_topic(database, scope)
                                    : exists(database, is_namespace ? kKnownNamespace : kKnownTenant, scope));
  if (there) return {};
  return missing(is_topic ? "topic" : is_namespace ? "namespace" : "tenant", scope);
}

}  // namespace

Result<> insert_tenant(Sqlite& database, const std::string& tenant) {
  GEMINGA_TRY_VOID(run(database,
                       "INSERT INTO tenants(name) VALUES(?) "
                       "ON CONFLICT(name) DO UPDATE SET deleted = 0 WHERE deleted = 1",
                       tenant));
  if (database.changes() > 0) return {};
  return fail(ErrorCode::already_exists, fmt::format("tenant '{}' exists already", tenant));
}

Result<> insert_namespace(Sqlite& database, const std::string& name) {
  const std::string tenant = name.substr(0, name.find('/'));
  if (tenant.empty() || tenant.size() + 1 >= name.size())
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' is not of the form tenant/namespace", name));
  GEMINGA_TRY(const bool there, exists(database, kKnownTenant, tenant));
  if (!there)
    return fail(ErrorCode::not_found, fmt::format("tenant '{}' does not exist; create it first", tenant));
  GEMINGA_TRY(auto insert, database.prepare("INSERT INTO namespaces(name, tenant) VALUES(?, ?) "
                                            "ON CONFLICT(name) DO UPDATE SET deleted = 0 WHERE deleted = 1"));
  GEMINGA_TRY_VOID(insert.bind(1, name).bind(2, tenant).step());
  if (database.changes() > 0) return {};
  return fail(ErrorCode::already_exists, fmt::format("namespace '{}' exists already", name));
}

Result<> remove_tenant(Sqlite& database, const std::string& tenant) {
  GEMINGA_TRY(const bool there, exists(database, kKnownTenant, tenant));
  if (!there) return missing("tenant", tenant);
  GEMINGA_TRY(const bool used,
              exists(database, "SELECT 1 FROM namespaces WHERE tenant = ? AND deleted = 0", tenant));
  if (used)
    return fail(ErrorCode::conflict, fmt::format("tenant '{}' has namespaces; delete them first", tenant));
  GEMINGA_TRY_VOID(run(database, "DELETE FROM grants WHERE scope = ?", tenant));
  return run(database, "UPDATE tenants SET deleted = 1 WHERE name = ?", tenant);
}

Result<> remove_namespace(Sqlite& database, const std::string& name) {
  GEMINGA_TRY(const bool there, exists(database, kKnownNamespace, name));
  if (!there) return missing("namespace", name);
  GEMINGA_TRY(const bool used,
              exists(database, "SELECT 1 FROM topics WHERE namespace = ? AND tombstone = 0", name));
  if (used)
    return fail(ErrorCode::conflict, fmt::format("namespace '{}' has topics; delete them first", name));
  for (const char* of_namespace :
       {"DELETE FROM grants WHERE scope = ?", "DELETE FROM namespace_policies WHERE namespace = ?",
        "UPDATE namespaces SET deleted = 1 WHERE name = ?"})
    GEMINGA_TRY_VOID(run(database, of_namespace, name));
  return {};
}

Result<> store_grants(Sqlite& database, const GrantChange& change) {
  GEMINGA_TRY_VOID(check_scope(database, change.scope));
  if (change.replaces_all)
    GEMINGA_TRY_VOID(run(database, "DELETE FROM grants WHERE scope = ?", change.scope));
  for (const auto& [role, actions] : change.actions) {
    GEMINGA_TRY(auto store,
                database.prepare(actions.empty() ? "DELETE FROM grants WHERE scope = ? AND role = ?"
                                                 : "REPLACE INTO grants VALUES(?, ?, ?)"));
    store.bind(1, change.scope).bind(2, role);
    if (!actions.empty()) store.bind(3, actions);
    GEMINGA_TRY_VOID(store.step());
  }
  return {};
}

}  // namespace geminga::storage
