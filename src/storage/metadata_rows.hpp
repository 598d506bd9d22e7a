#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "storage/metadata.hpp"

namespace geminga::storage {

class Sqlite;
class Statement;

/// What the changes of the metadata share: rows, and errors that say which.

inline constexpr char kSelectTopics[] =
    "SELECT id, name, tombstone, retention_seconds, retention_bytes, producer_epoch, terminated, view, "
    "horizon, view_of, view_entries FROM topics";

inline constexpr char kKnownNamespace[] = "SELECT 1 FROM namespaces WHERE name = ? AND deleted = 0";

/// Of all of them, by id.
Result<std::vector<SubscriptionRow>> subscription_rows(Sqlite& database);
/// With its properties; gives it with its id. Errors: not_found, already_exists.
Result<SubscriptionRow> insert_subscription(Sqlite& database, SubscriptionRow row);
/// Of a row of kSelectTopics.
TopicRow topic_of(const Statement& row);
void bind_retention(Statement& statement, int first, const RetentionPolicy& policy);
/// "tenant/namespace" of "persistent://tenant/namespace/topic". Errors: invalid_argument; not_found where the
/// database does not know it.
Result<std::string> known_namespace_of(Sqlite& database, const std::string& topic);
Result<bool> exists(Sqlite& database, const char* sql, std::string_view key);
/// Says of what exists already which one it is.
Error named(Error error, const char* what, std::string_view name);
/// Errors: not_found.
Result<> change_one(Statement& statement, Sqlite& database, const char* what, std::uint64_t id);
/// See MetadataStore::tombstone_topic.
Result<> tombstone(Sqlite& database, TopicId id);

}  // namespace geminga::storage
