#include "storage/metadata.hpp"

#include <fmt/format.h>

#include "base/file_system.hpp"
#include "base/forget_cached.hpp"
#include "base/try.hpp"
#include "storage/checkpoint.hpp"
#include "storage/metadata_commits.hpp"
#include "storage/metadata_names.hpp"
#include "storage/metadata_partitions.hpp"
#include "storage/metadata_rows.hpp"
#include "storage/metadata_schema.hpp"
#include "storage/metadata_topic_schemas.hpp"
#include "storage/metadata_views.hpp"
#include "storage/sqlite.hpp"

namespace geminga::storage {
namespace {

Result<DirectoryRow> directory_row(Sqlite& database) {
  GEMINGA_TRY(auto select, database.prepare("SELECT uuid, format, sequence FROM directory"));
  GEMINGA_TRY(const bool there, select.step());
  if (!there) return fail(ErrorCode::corrupted, "the metadata file does not name its directory");
  return DirectoryRow{.uuid = select.text(0),
                      .format = static_cast<std::uint32_t>(select.integer(1)),
                      .sequence = select.integer(2)};
}

/// SQLite would take it for a new one, and write to it at once.
Result<> refuse_an_emptied(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::file_size(file, error) > 0 || error) return {};
  return fail(
      ErrorCode::corrupted,
      fmt::format("the metadata file '{}' is empty; nothing was changed; restore a backup", file.string()));
}

/// SQLite writes its log anew from the beginning each time it was taken over into the file; so much it fills
/// until then, twice. With this space taken in advance, names and policies can be changed on a disk that is
/// full, and topics deleted.
Result<> reserve_log(const std::filesystem::path& file) {
  constexpr std::uint64_t kLogBytes = 8ULL << 20;
  GEMINGA_TRY(const auto log,
              base::FileSystem::system().open(file.string() + "-wal", {.mode = base::OpenMode::write}));
  auto reserved = log->preallocate(0, kLogBytes);
  if (!reserved && reserved.error().code == ErrorCode::disk_full) return {};  // as much as there is
  return reserved;
}

}  // namespace

MetadataStore::MetadataStore(std::unique_ptr<MetadataCommits> commits) : commits_(std::move(commits)) {}
MetadataStore::~MetadataStore() = default;
Result<> MetadataStore::close() {
  return commits_->close();
}
void MetadataStore::on_commit(std::function<void(std::uint64_t)> hook) {
  commits_->on_commit(std::move(hook));
}
void MetadataStore::on_disk_error(std::function<void(const Error&)> hook) {
  commits_->on_disk_error(std::move(hook));
}

Result<std::unique_ptr<MetadataStore>> MetadataStore::open(const std::filesystem::path& file,
                                                           const std::string& directory_uuid,
                                                           bool may_create) {
  GEMINGA_TRY_VOID(base::forget_cached_database(base::FileSystem::system(), file));
  // A first start that was killed before the tables were made has left no checkpoint either.
  const bool used = std::filesystem::exists(file.parent_path() / kCheckpointFile);
  if (used) GEMINGA_TRY_VOID(refuse_an_emptied(file));
  GEMINGA_TRY(auto database, Sqlite::open(file, may_create));
  GEMINGA_TRY_VOID(prepare_metadata_schema(*database, file, directory_uuid, !used));
  GEMINGA_TRY_VOID(reserve_log(file));
  if (may_create) GEMINGA_TRY_VOID(base::FileSystem::system().sync_directory(file.parent_path()));
  GEMINGA_TRY(const DirectoryRow directory, directory_row(*database));
  GEMINGA_TRY(auto commits, MetadataCommits::start(std::move(database), directory.sequence));
  return std::unique_ptr<MetadataStore>(new MetadataStore(std::move(commits)));
}

Result<std::unique_ptr<MetadataStore>> MetadataStore::look(const std::filesystem::path& file,
                                                           const std::string& directory_uuid) {
  GEMINGA_TRY_VOID(base::forget_cached_database(base::FileSystem::system(), file));
  GEMINGA_TRY_VOID(refuse_an_emptied(file));
  GEMINGA_TRY(const auto stored, Sqlite::open(file, false));
  GEMINGA_TRY(auto picture, Sqlite::open(":memory:", true));
  GEMINGA_TRY_VOID(stored->copy_to(*picture));
  GEMINGA_TRY_VOID(prepare_metadata_schema(*picture, file, directory_uuid, false));
  GEMINGA_TRY(const DirectoryRow directory, directory_row(*picture));
  GEMINGA_TRY(auto commits, MetadataCommits::start(std::move(picture), directory.sequence));
  return std::unique_ptr<MetadataStore>(new MetadataStore(std::move(commits)));
}

Result<DirectoryRow> MetadataStore::directory() const {
  return commits_->read<DirectoryRow>(directory_row);
}

Result<std::vector<std::string>> MetadataStore::tenants() const {
  return commits_->select<std::string>("SELECT name FROM tenants WHERE deleted = 0 ORDER BY name",
                                       [](const Statement& row) { return row.text(0); });
}

Result<std::vector<std::string>> MetadataStore::namespaces() const {
  return commits_->select<std::string>("SELECT name FROM namespaces WHERE deleted = 0 ORDER BY name",
                                       [](const Statement& row) { return row.text(0); });
}

Result<std::vector<TopicRow>> MetadataStore::topics() const {
  return commits_->select<TopicRow>(kSelectTopics, topic_of);
}

Result<std::vector<PartitionedRow>> MetadataStore::partitioned_topics() const {
  return commits_->select<PartitionedRow>(
      "SELECT name, partitions FROM partitioned_topics", [](const Statement& row) {
        return PartitionedRow{.name = row.text(0), .partitions = static_cast<std::uint32_t>(row.integer(1))};
      });
}

Result<std::vector<SubscriptionRow>> MetadataStore::subscriptions() const {
  return commits_->read<std::vector<SubscriptionRow>>(subscription_rows);
}

Result<std::vector<PolicyRow>> MetadataStore::policies() const {
  return commits_->select<PolicyRow>(
      "SELECT namespace, 0, name, value FROM namespace_policies "
      "UNION ALL SELECT '', topic, name, value FROM topic_policies",
      [](const Statement& row) {
        return PolicyRow{.name_space = row.text(0),
                         .topic = TopicId{row.integer(1)},
                         .name = row.text(2),
                         .value = row.integer(3)};
      });
}

Result<std::vector<GrantRow>> MetadataStore::grants() const {
  return commits_->select<GrantRow>(
      "SELECT scope, role, actions FROM grants ORDER BY scope, role", [](const Statement& row) {
        return GrantRow{.scope = row.text(0), .role = row.text(1), .actions = row.text(2)};
      });
}

void MetadataStore::create_tenant(std::string tenant, Done<void> done) {
  commits_->write<void>(
      [tenant = std::move(tenant)](Sqlite& database) { return insert_tenant(database, tenant); },
      std::move(done));
}

void MetadataStore::create_namespace(std::string name, Done<void> done) {
  commits_->write<void>(
      [name = std::move(name)](Sqlite& database) { return insert_namespace(database, name); },
      std::move(done));
}

void MetadataStore::delete_tenant(std::string tenant, Done<void> done) {
  commits_->write<void>(
      [tenant = std::move(tenant)](Sqlite& database) { return remove_tenant(database, tenant); },
      std::move(done));
}

void MetadataStore::delete_namespace(std::string name, Done<void> done) {
  commits_->write<void>(
      [name = std::move(name)](Sqlite& database) { return remove_namespace(database, name); },
      std::move(done));
}

void MetadataStore::change_grants(GrantChange change, Done<void> done) {
  commits_->write<void>(
      [change = std::move(change)](Sqlite& database) { return store_grants(database, change); },
      std::move(done));
}

void MetadataStore::create_topic(std::string name, Done<TopicRow> done) {
  commits_->write<TopicRow>(
      [name = std::move(name)](Sqlite& database) -> Result<TopicRow> {
        return insert_plain_topic(database, name);
      },
      std::move(done));
}

void MetadataStore::create_partitioned_topic(std::string name, std::uint32_t partitions,
                                             Done<std::vector<TopicRow>> done) {
  commits_->write<std::vector<TopicRow>>(
      [name = std::move(name), partitions](Sqlite& database) {
        return insert_partitioned_topic(database, name, partitions);
      },
      std::move(done));
}

void MetadataStore::create_partitions(std::string name, std::uint32_t partitions,
                                      Done<std::vector<TopicRow>> done) {
  commits_->write<std::vector<TopicRow>>(
      [name = std::move(name), partitions](Sqlite& database) {
        return insert_partitions(database, name, partitions);
      },
      std::move(done));
}

void MetadataStore::set_partitions(std::string name, std::uint32_t partitions, Done<void> done) {
  commits_->write<void>([name = std::move(name), partitions](
                            Sqlite& database) { return update_partitions(database, name, partitions); },
                        std::move(done));
}

void MetadataStore::tombstone_partitioned_topic(std::string name, std::vector<TopicId> partitions,
                                                Done<void> done) {
  commits_->write<void>(
      [name = std::move(name), partitions = std::move(partitions)](Sqlite& database) {
        return remove_partitioned_topic(database, name, partitions);
      },
      std::move(done));
}

void MetadataStore::create_subscription(TopicId topic, std::string name, SubscriptionType type,
                                        Properties properties, Done<SubscriptionRow> done) {
  SubscriptionRow row{
      .topic = topic, .name = std::move(name), .type = type, .properties = std::move(properties)};
  commits_->write<SubscriptionRow>(
      [row = std::move(row)](Sqlite& database) { return insert_subscription(database, row); },
      std::move(done));
}

void MetadataStore::delete_subscription(SubscriptionId id, Done<void> done) {
  commits_->write<void>(
      [id](Sqlite& database) -> Result<> {
        GEMINGA_TRY(auto change, database.prepare("DELETE FROM subscriptions WHERE id = ?"));
        return change_one(change.bind(1, id.value), database, "subscription", id.value);
      },
      std::move(done));
}

void MetadataStore::set_subscription_type(SubscriptionId id, SubscriptionType type, Done<void> done) {
  commits_->write<void>(
      [id, type](Sqlite& database) -> Result<> {
        GEMINGA_TRY(auto change, database.prepare("UPDATE subscriptions SET type = ? WHERE id = ?"));
        change.bind(1, std::uint64_t{static_cast<std::uint8_t>(type)}).bind(2, id.value);
        return change_one(change, database, "subscription", id.value);
      },
      std::move(done));
}

void MetadataStore::set_retention(TopicId id, RetentionPolicy policy, Done<void> done) {
  commits_->write<void>(
      [id, policy](Sqlite& database) -> Result<> {
        GEMINGA_TRY(auto same, database.prepare("SELECT 1 FROM topics WHERE retention_seconds IS ? AND "
                                                "retention_bytes IS ? AND id = ? AND tombstone = 0"));
        bind_retention(same, 1, policy);
        GEMINGA_TRY(const bool nothing_new, same.bind(3, id.value).step());
        if (nothing_new) return {};
        GEMINGA_TRY(auto change,
                    database.prepare("UPDATE topics SET retention_seconds = ?, retention_bytes = ? "
                                     "WHERE id = ? AND tombstone = 0"));
        bind_retention(change, 1, policy);
        return change_one(change.bind(3, id.value), database, "topic", id.value);
      },
      std::move(done));
}

void MetadataStore::set_topic_policies(TopicId id, PolicyValues values, Done<void> done) {
  commits_->write<void>(
      [id, values = std::move(values)](Sqlite& database) -> Result<> {
        GEMINGA_TRY(auto select, database.prepare("SELECT 1 FROM topics WHERE id = ? AND tombstone = 0"));
        GEMINGA_TRY(const bool there, select.bind(1, id.value).step());
        if (!there) return fail(ErrorCode::not_found, fmt::format("topic {} does not exist", id.value));
        GEMINGA_TRY(auto clear, database.prepare("DELETE FROM topic_policies WHERE topic = ?"));
        GEMINGA_TRY_VOID(clear.bind(1, id.value).step());
        for (const auto& [name, value] : values) {
          GEMINGA_TRY(auto insert, database.prepare("INSERT INTO topic_policies VALUES(?, ?, ?)"));
          GEMINGA_TRY_VOID(insert.bind(1, id.value).bind(2, name).bind(3, value).step());
        }
        return {};
      },
      std::move(done));
}

void MetadataStore::set_namespace_policies(std::string name_space, PolicyValues values, Done<void> done) {
  commits_->write<void>(
      [name_space = std::move(name_space), values = std::move(values)](Sqlite& database) -> Result<> {
        GEMINGA_TRY(const bool there, exists(database, kKnownNamespace, name_space));
        if (!there)
          return fail(ErrorCode::not_found, fmt::format("namespace '{}' does not exist", name_space));
        GEMINGA_TRY(auto clear, database.prepare("DELETE FROM namespace_policies WHERE namespace = ?"));
        GEMINGA_TRY_VOID(clear.bind(1, name_space).step());
        for (const auto& [name, value] : values) {
          GEMINGA_TRY(auto insert, database.prepare("INSERT INTO namespace_policies VALUES(?, ?, ?)"));
          GEMINGA_TRY_VOID(insert.bind(1, name_space).bind(2, name).bind(3, value).step());
        }
        return {};
      },
      std::move(done));
}

void MetadataStore::schema_marks(std::string topic, Done<std::vector<SchemaRow>> done) {
  commits_->write<std::vector<SchemaRow>>(
      [topic = std::move(topic)](Sqlite& database) { return storage::schema_marks(database, topic); },
      std::move(done));
}

void MetadataStore::schemas(std::string topic, std::optional<std::uint64_t> version,
                            Done<std::vector<SchemaRow>> done) {
  commits_->write<std::vector<SchemaRow>>(
      [topic = std::move(topic), version](Sqlite& database) { return schema_rows(database, topic, version); },
      std::move(done));
}

void MetadataStore::add_schema(SchemaRow row, std::optional<TopicId> live, Done<void> done) {
  commits_->write<void>(
      [row = std::move(row), live](Sqlite& database) { return insert_schema(database, row, live); },
      std::move(done));
}

void MetadataStore::remove_schemas(std::string topic, SchemaRemoval how,
                                   Done<std::optional<std::uint64_t>> done) {
  commits_->write<std::optional<std::uint64_t>>(
      [topic = std::move(topic), how](Sqlite& database) {
        return storage::remove_schemas(database, topic, how);
      },
      std::move(done));
}

void MetadataStore::set_producer_epoch(TopicId id, std::uint64_t epoch, Done<void> done) {
  commits_->write<void>(
      [id, epoch](Sqlite& database) -> Result<> {
        GEMINGA_TRY(auto change,
                    database.prepare("UPDATE topics SET producer_epoch = ? WHERE id = ? AND tombstone = 0"));
        return change_one(change.bind(1, epoch).bind(2, id.value), database, "topic", id.value);
      },
      std::move(done));
}

void MetadataStore::terminate_topic(TopicId id, Done<void> done) {
  commits_->write<void>(
      [id](Sqlite& database) -> Result<> {
        GEMINGA_TRY(auto change,
                    database.prepare("UPDATE topics SET terminated = 1 WHERE id = ? AND tombstone = 0"));
        return change_one(change.bind(1, id.value), database, "topic", id.value);
      },
      std::move(done));
}

void MetadataStore::create_view(TopicId of, Done<TopicRow> done) {
  commits_->write<TopicRow>([of](Sqlite& database) { return insert_view(database, of); }, std::move(done));
}

void MetadataStore::set_view(TopicId of, const ViewRow& view, Done<void> done) {
  commits_->write<void>([of, view](Sqlite& database) { return change_view(database, of, view); },
                        std::move(done));
}

void MetadataStore::tombstone_topic(TopicId id, Done<void> done) {
  commits_->write<void>([id](Sqlite& database) { return tombstone(database, id); }, std::move(done));
}

void MetadataStore::forget_topic(TopicId id, Done<void> done) {
  commits_->write<void>(
      [id](Sqlite& database) -> Result<> {
        GEMINGA_TRY(auto change, database.prepare("DELETE FROM topics WHERE id = ? AND tombstone = 1"));
        return change_one(change.bind(1, id.value), database, "deleted topic", id.value);
      },
      std::move(done));
}

}  // namespace geminga::storage
