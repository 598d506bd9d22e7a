#include "storage/metadata_views.hpp"

#include <fmt/format.h>

#include "base/try.hpp"
#include "storage/metadata_rows.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {

Result<TopicRow> insert_view(Sqlite& database, TopicId of) {
  // No topic can have this name: its scheme is none of theirs.
  GEMINGA_TRY(auto insert, database.prepare("INSERT INTO topics(name, namespace, view_of) "
                                            "SELECT 'compacted:' || id, namespace, id FROM topics "
                                            "WHERE id = ? AND tombstone = 0"));
  GEMINGA_TRY_VOID(change_one(insert.bind(1, of.value), database, "topic", of.value));
  const TopicId id{database.last_row_id()};
  // A view and its follower are there at the same time.
  GEMINGA_TRY(auto number, database.prepare("UPDATE topics SET name = name || ':' || id WHERE id = ?"));
  GEMINGA_TRY_VOID(number.bind(1, id.value).step());
  return TopicRow{.id = id, .name = fmt::format("compacted:{}:{}", of.value, id.value), .view_of = of};
}

Result<> change_view(Sqlite& database, TopicId of, const ViewRow& view) {
  GEMINGA_TRY(auto change, database.prepare("UPDATE topics SET view = ?, horizon = ?, view_entries = ? "
                                            "WHERE id = ? AND tombstone = 0"));
  change.bind(1, view.topic.value).bind(2, view.horizon.value).bind(3, view.entries).bind(4, of.value);
  GEMINGA_TRY_VOID(change_one(change, database, "topic", of.value));
  GEMINGA_TRY(auto former, database.prepare("UPDATE topics SET tombstone = 1 WHERE view_of = ? AND id <> ?"));
  GEMINGA_TRY_VOID(former.bind(1, of.value).bind(2, view.topic.value).step());
  return {};
}

}  // namespace geminga::storage
