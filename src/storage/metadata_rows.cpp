#include "storage/metadata_rows.hpp"

#include <fmt/format.h>

#include "base/try.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {

TopicRow topic_of(const Statement& row) {
  TopicRow topic{.id = TopicId{row.integer(0)}, .name = row.text(1), .tombstone = row.integer(2) != 0};
  topic.retention.time = row.is_null(3)
                             ? std::nullopt
                             : std::optional(std::chrono::seconds(static_cast<std::int64_t>(row.integer(3))));
  if (!row.is_null(5)) topic.producer_epoch = row.integer(5);
  topic.terminated = row.integer(6) != 0;
  if (!row.is_null(7))
    topic.view = ViewRow{
        .topic = TopicId{row.integer(7)}, .horizon = EntryId{row.integer(8)}, .entries = row.integer(10)};
  if (!row.is_null(9)) topic.view_of = TopicId{row.integer(9)};
  topic.retention.bytes = row.is_null(4) ? std::nullopt : std::optional(row.integer(4));
  return topic;
}

Result<std::vector<SubscriptionRow>> subscription_rows(Sqlite& database) {
  std::vector<SubscriptionRow> rows;
  GEMINGA_TRY(auto select,
              database.prepare("SELECT id, topic, subscriptions.name, type, properties.name, value "
                               "FROM subscriptions LEFT JOIN subscription_properties AS properties "
                               "ON subscription = id ORDER BY id"));
  for (;;) {
    GEMINGA_TRY(const bool there, select.step());
    if (!there) return rows;
    const SubscriptionId id{select.integer(0)};
    if (rows.empty() || rows.back().id != id)
      rows.push_back({.id = id,
                      .topic = TopicId{select.integer(1)},
                      .name = select.text(2),
                      .type = static_cast<SubscriptionType>(select.integer(3)),
                      .properties = {}});
    if (!select.is_null(4)) rows.back().properties.emplace(select.text(4), select.text(5));
  }
}

Result<SubscriptionRow> insert_subscription(Sqlite& database, SubscriptionRow row) {
  GEMINGA_TRY(auto select, database.prepare("SELECT 1 FROM topics WHERE id = ? AND tombstone = 0"));
  GEMINGA_TRY(const bool there, select.bind(1, row.topic.value).step());
  if (!there) return fail(ErrorCode::not_found, fmt::format("topic {} does not exist", row.topic.value));
  GEMINGA_TRY(auto insert, database.prepare("INSERT INTO subscriptions(topic, name, type) VALUES(?, ?, ?)"));
  insert.bind(1, row.topic.value).bind(2, row.name);
  insert.bind(3, std::uint64_t{static_cast<std::uint8_t>(row.type)});
  if (auto added = insert.step(); !added)
    return std::unexpected(named(std::move(added).error(), "subscription", row.name));
  row.id = SubscriptionId{database.last_row_id()};
  for (const auto& [name, value] : row.properties) {
    GEMINGA_TRY(auto property, database.prepare("INSERT INTO subscription_properties VALUES(?, ?, ?)"));
    GEMINGA_TRY_VOID(property.bind(1, row.id.value).bind(2, name).bind(3, value).step());
  }
  return row;
}

void bind_retention(Statement& statement, int first, const RetentionPolicy& policy) {
  if (policy.time)
    statement.bind(first, static_cast<std::uint64_t>(policy.time->count()));
  else
    statement.bind_null(first);
  if (policy.bytes)
    statement.bind(first + 1, *policy.bytes);
  else
    statement.bind_null(first + 1);
}

Result<std::string> known_namespace_of(Sqlite& database, const std::string& topic) {
  const auto start = topic.find("://");
  const auto end = topic.rfind('/');
  if (start == std::string::npos || end <= start + 3)
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is no full topic name; write persistent://tenant/namespace/topic", topic));
  std::string name = topic.substr(start + 3, end - start - 3);
  GEMINGA_TRY(const bool there, exists(database, kKnownNamespace, name));
  if (!there)
    return fail(ErrorCode::not_found, fmt::format("namespace '{}' does not exist; create it first", name));
  return name;
}

Result<bool> exists(Sqlite& database, const char* sql, std::string_view key) {
  GEMINGA_TRY(auto select, database.prepare(sql));
  return select.bind(1, key).step();
}

Error named(Error error, const char* what, std::string_view name) {
  if (error.code == ErrorCode::already_exists)
    error.message = fmt::format("{} '{}' exists already", what, name);
  return error;
}

Result<> change_one(Statement& statement, Sqlite& database, const char* what, std::uint64_t id) {
  GEMINGA_TRY_VOID(statement.step());
  if (database.changes() > 0) return {};
  return fail(ErrorCode::not_found, fmt::format("{} {} does not exist", what, id));
}

Result<> tombstone(Sqlite& database, TopicId id) {
  for (const char* of_topic :
       {"DELETE FROM subscriptions WHERE topic = ?", "DELETE FROM topic_policies WHERE topic = ?",
        "UPDATE topics SET tombstone = 1 WHERE view_of = ?",
        "DELETE FROM grants WHERE scope = (SELECT name FROM topics WHERE id = ?)",
        "DELETE FROM schemas WHERE topic = (SELECT name FROM topics WHERE id = ?)"}) {
    GEMINGA_TRY(auto drop, database.prepare(of_topic));
    GEMINGA_TRY_VOID(drop.bind(1, id.value).step());
  }
  GEMINGA_TRY(auto change,
              database.prepare("UPDATE topics SET tombstone = 1 WHERE id = ? AND tombstone = 0"));
  return change_one(change.bind(1, id.value), database, "topic", id.value);
}

}  // namespace geminga::storage
