#include "storage/metadata_partitions.hpp"

#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/partition_name.hpp"
#include "base/try.hpp"
#include "storage/metadata_rows.hpp"
#include "storage/metadata_topic_schemas.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {
namespace {

/// The number of partitions; nothing: not partitioned.
Result<std::optional<std::uint32_t>> partitions_of(Sqlite& database, std::string_view name) {
  GEMINGA_TRY(auto select, database.prepare("SELECT partitions FROM partitioned_topics WHERE name = ?"));
  GEMINGA_TRY(const bool there, select.bind(1, name).step());
  return there ? std::optional(static_cast<std::uint32_t>(select.integer(0))) : std::nullopt;
}

Result<std::uint32_t> known_partitions_of(Sqlite& database, std::string_view name) {
  GEMINGA_TRY(const auto partitions, partitions_of(database, name));
  if (!partitions)
    return fail(ErrorCode::topic_not_found, fmt::format("there is no partitioned topic {}", name));
  return *partitions;
}

Result<std::optional<TopicRow>> find_topic(Sqlite& database, const std::string& name) {
  GEMINGA_TRY(auto select,
              database.prepare(fmt::format("{} WHERE name = ? AND tombstone = 0", kSelectTopics)));
  GEMINGA_TRY(const bool there, select.bind(1, name).step());
  return there ? std::optional(topic_of(select)) : std::nullopt;
}

Result<TopicRow> insert_topic(Sqlite& database, TopicRow row, const std::string& name_space) {
  GEMINGA_TRY(auto insert,
              database.prepare("INSERT INTO topics(name, namespace, retention_seconds, retention_bytes) "
                               "VALUES(?, ?, ?, ?)"));
  insert.bind(1, row.name).bind(2, name_space);
  bind_retention(insert, 3, row.retention);
  if (auto added = insert.step(); !added)
    return std::unexpected(named(std::move(added).error(), "topic", row.name));
  row.id = TopicId{database.last_row_id()};
  return row;
}

Result<> copy_policies(Sqlite& database, TopicId from, TopicId to) {
  GEMINGA_TRY(auto copy, database.prepare("INSERT INTO topic_policies(topic, name, value) "
                                          "SELECT ?, name, value FROM topic_policies WHERE topic = ?"));
  GEMINGA_TRY_VOID(copy.bind(1, to.value).bind(2, from.value).step());
  return {};
}

/// A plain topic with the name of a partition would become one of them.
Result<> refuse_name_of_partition(Sqlite& database, const std::string& name) {
  GEMINGA_TRY(auto select,
              database.prepare("SELECT name FROM topics WHERE tombstone = 0 AND name > ? AND name < ?"));
  select.bind(1, name + "-partition-").bind(2, name + "-partition.");  // '.' follows '-'
  for (;;) {
    GEMINGA_TRY(const bool more, select.step());
    if (!more) return {};
    if (const auto found = base::split_partition_name(select.text(0)); found && found->topic == name)
      return fail(ErrorCode::already_exists,
                  fmt::format("{} is a topic of its own and would become a partition of {}; delete it first",
                              select.text(0), name));
  }
}

}  // namespace

Result<TopicRow> insert_plain_topic(Sqlite& database, const std::string& name) {
  GEMINGA_TRY(const std::string name_space, known_namespace_of(database, name));
  GEMINGA_TRY(const auto itself, partitions_of(database, name));
  if (itself)
    return fail(ErrorCode::already_exists,
                fmt::format("{} exists already, as a topic of {} partitions", name, *itself));
  if (const auto part = base::split_partition_name(name)) {
    GEMINGA_TRY(const auto whole, partitions_of(database, part->topic));
    if (whole)
      return fail(ErrorCode::topic_not_found,
                  fmt::format("{} has {} partitions, so there is no {}", part->topic, *whole, name));
  }
  return insert_topic(database, {.id = {}, .name = name}, name_space);
}

Result<std::vector<TopicRow>> insert_partitioned_topic(Sqlite& database, const std::string& name,
                                                       std::uint32_t partitions) {
  GEMINGA_TRY(const std::string name_space, known_namespace_of(database, name));
  GEMINGA_TRY(const auto plain, find_topic(database, name));
  if (plain)
    return fail(ErrorCode::already_exists, fmt::format("topic {} exists already, without partitions", name));
  GEMINGA_TRY_VOID(refuse_name_of_partition(database, name));
  GEMINGA_TRY(auto insert, database.prepare("INSERT INTO partitioned_topics VALUES(?, ?, ?)"));
  if (auto added = insert.bind(1, name).bind(2, name_space).bind(3, partitions).step(); !added)
    return std::unexpected(named(std::move(added).error(), "partitioned topic", name));
  std::vector<TopicRow> rows;
  for (std::uint32_t i = 0; i < partitions; ++i) {
    GEMINGA_TRY(auto row,
                insert_topic(database, {.id = {}, .name = base::partition_name(name, i)}, name_space));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<TopicRow>> insert_partitions(Sqlite& database, const std::string& name,
                                                std::uint32_t partitions) {
  GEMINGA_TRY(const std::string name_space, known_namespace_of(database, name));
  GEMINGA_TRY(const std::uint32_t before, known_partitions_of(database, name));
  GEMINGA_TRY(const auto first, find_topic(database, base::partition_name(name, 0)));
  if (!first) return fail(ErrorCode::corrupted, fmt::format("{} has lost its first partition", name));
  std::vector<TopicRow> rows;
  for (std::uint32_t i = before; i < partitions; ++i) {
    const std::string partition = base::partition_name(name, i);
    GEMINGA_TRY(auto row, find_topic(database, partition));
    if (!row) {
      GEMINGA_TRY(row, insert_topic(database, {.id = {}, .name = partition, .retention = first->retention},
                                    name_space));
      GEMINGA_TRY_VOID(copy_policies(database, first->id, row->id));
    }
    rows.push_back(std::move(*row));
  }
  return rows;
}

Result<> update_partitions(Sqlite& database, const std::string& name, std::uint32_t partitions) {
  GEMINGA_TRY_VOID(known_partitions_of(database, name));
  GEMINGA_TRY(auto change, database.prepare("UPDATE partitioned_topics SET partitions = ? WHERE name = ?"));
  GEMINGA_TRY_VOID(change.bind(1, partitions).bind(2, name).step());
  return {};
}

Result<> remove_partitioned_topic(Sqlite& database, const std::string& name,
                                  const std::vector<TopicId>& partitions) {
  GEMINGA_TRY_VOID(known_partitions_of(database, name));
  for (const TopicId partition : partitions) GEMINGA_TRY_VOID(tombstone(database, partition));
  for (const char* of_whole :
       {"DELETE FROM grants WHERE scope = ?", "DELETE FROM partitioned_topics WHERE name = ?"}) {
    GEMINGA_TRY(auto drop, database.prepare(of_whole));
    GEMINGA_TRY_VOID(drop.bind(1, name).step());
  }
  return drop_schemas(database, name);
}

}  // namespace geminga::storage
