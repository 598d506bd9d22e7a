#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <geminga/admin.hpp>
#include <geminga/error.hpp>
#include <geminga/types.hpp>

#include "storage/entry.hpp"

namespace geminga::storage {

class MetadataCommits;

/// What a topic was compacted to: another topic of the log holds what is left of everything before `horizon`.
struct ViewRow {
  TopicId topic;
  EntryId horizon;
  std::uint64_t entries = 0;  ///< so many it has: the log may not have fewer
  bool operator==(const ViewRow&) const = default;
};

struct TopicRow {
  TopicId id;
  std::string name;  ///< "persistent://tenant/namespace/topic"
  bool tombstone = false;
  RetentionPolicy retention;
  std::optional<std::uint64_t> producer_epoch;  ///< of the last exclusive producer
  bool terminated = false;                      ///< takes no more messages
  std::optional<ViewRow> view;                  ///< where it was compacted
  std::optional<TopicId> view_of;  ///< it is no topic but a compacted view of this one, in use or not (yet)
  bool operator==(const TopicRow&) const = default;
};

/// Its partitions are topics too: base::partition_name() of 0 to partitions - 1.
struct PartitionedRow {
  std::string name;
  std::uint32_t partitions = 0;
};

struct SubscriptionRow {
  SubscriptionId id;
  TopicId topic;
  std::string name;
  SubscriptionType type = SubscriptionType::exclusive;  ///< of the last consumer
  Properties properties;                                ///< given when it was made
};

/// A version of a topic's schema; the broker knows what type and fingerprint mean.
struct SchemaRow {
  std::string topic;  ///< full name; of partitions: the one above them
  std::uint64_t version = 0;
  std::optional<std::uint32_t> type;  ///< none: a mark, those before it were deleted
  std::string fingerprint;            ///< the same for definitions that say the same
  Timestamp registered{};
  std::uint64_t bytes = 0;  ///< of the definition; only read
  std::string definition;
  Properties properties;
};
enum class SchemaRemoval : std::uint8_t {
  keep_numbers,  ///< a mark stays: the next schema has a version that there was not yet
  forget,        ///< the next one is version 0
};

/// A field of a policy that is set; the broker knows what it means.
struct PolicyRow {
  std::string name_space;  ///< "tenant/namespace"; empty: of the topic
  TopicId topic;
  std::string name;
  std::uint64_t value = 0;
};
/// Name to value.
using PolicyValues = std::map<std::string, std::uint64_t>;

/// What a role was given at run time. Roles and actions are words of whoever writes them.
struct GrantRow {
  std::string scope;  ///< "tenant", "tenant/namespace" or the full name of a topic
  std::string role;
  std::string actions;  ///< never empty
  bool operator==(const GrantRow&) const = default;
};
struct GrantChange {
  std::string scope;
  std::map<std::string, std::string> actions;  ///< by role; empty: it has none any more
  bool replaces_all = false;                   ///< roles that are not named lose what they have
};

struct DirectoryRow {
  std::string uuid;
  std::uint32_t format = 1;
  std::uint64_t sequence = 0;  ///< number of commits; a checkpoint of the log names the one it needs
};

/// Names and policy of a data directory: tenants, namespaces, topics, subscriptions. SQLite in WAL mode with
/// synchronous=FULL, one thread of its own, waiting writes grouped into one commit. Positions are not here;
/// they are in the log.
///
/// Writing calls take a callback, called once on the metadata thread after the commit; it must not block.
/// wait() is for threads that may block. Errors of all of them: disk_full, unavailable (another program holds
/// the file), both of which pass; disk_error, after which every later write fails with it. Topic and
/// subscription ids rise and are never given twice.
class MetadataStore {
 public:
  template <class T>
  using Done = std::move_only_function<void(Result<T>)>;
  /// The blocking form of a writing call, for threads that may wait:
  /// `MetadataStore::wait<TopicRow>([&](auto done) { store.create_topic(name, std::move(done)); })`.
  template <class T, class Call>
  static Result<T> wait(Call&& call) {
    const auto promise = std::make_shared<std::promise<Result<T>>>();
    auto result = promise->get_future();
    call(Done<T>([promise](Result<T> value) { promise->set_value(std::move(value)); }));
    return result.get();
  }

  /// Makes the file when it is missing and `may_create`. Errors: not_found, corrupted, format_too_new,
  /// disk_error.
  static Result<std::unique_ptr<MetadataStore>> open(const std::filesystem::path& file,
                                                     const std::string& directory_uuid, bool may_create);
  /// What stands in it now, as this program would read it; changes of it go nowhere, and nothing in the file
  /// is changed. Errors: as open().
  static Result<std::unique_ptr<MetadataStore>> look(const std::filesystem::path& file,
                                                     const std::string& directory_uuid);
  ~MetadataStore();

  // Everything that stands in it, read once at the start. Any thread.
  [[nodiscard]] Result<DirectoryRow> directory() const;
  [[nodiscard]] Result<std::vector<std::string>> tenants() const;
  [[nodiscard]] Result<std::vector<std::string>> namespaces() const;  ///< "tenant/namespace"
  [[nodiscard]] Result<std::vector<TopicRow>> topics() const;         ///< tombstones too
  [[nodiscard]] Result<std::vector<PartitionedRow>> partitioned_topics() const;
  [[nodiscard]] Result<std::vector<SubscriptionRow>> subscriptions() const;
  [[nodiscard]] Result<std::vector<PolicyRow>> policies() const;
  [[nodiscard]] Result<std::vector<GrantRow>> grants() const;  ///< by scope and role

  // already_exists where it does; not_found where the parent is missing.
  void create_tenant(std::string tenant, Done<void> done);
  void create_namespace(std::string tenant_and_namespace, Done<void> done);
  /// With what was granted. Errors: not_found, conflict (it has namespaces, or topics).
  void delete_tenant(std::string tenant, Done<void> done);
  void delete_namespace(std::string tenant_and_namespace, Done<void> done);
  /// Errors: not_found (no such tenant, namespace or topic).
  void change_grants(GrantChange change, Done<void> done);
  void create_topic(std::string name, Done<TopicRow> done);
  /// With all its partitions, whose rows it gives. A name is that of a plain or of a partitioned topic, never
  /// of both.
  void create_partitioned_topic(std::string name, std::uint32_t partitions, Done<std::vector<TopicRow>> done);
  /// The first step of growth: the topics from the number of partitions on up to `partitions`, as far as they
  /// are missing, with retention and policies of the first partition. Gives the rows of all of them.
  void create_partitions(std::string name, std::uint32_t partitions, Done<std::vector<TopicRow>> done);
  /// The last step: from now on these many.
  void set_partitions(std::string name, std::uint32_t partitions, Done<void> done);
  void create_subscription(TopicId topic, std::string name, SubscriptionType type, Properties properties,
                           Done<SubscriptionRow> done);
  void delete_subscription(SubscriptionId id, Done<void> done);
  void set_subscription_type(SubscriptionId id, SubscriptionType type, Done<void> done);
  void set_retention(TopicId id, RetentionPolicy policy, Done<void> done);
  /// Replaces all that were set.
  void set_topic_policies(TopicId id, PolicyValues values, Done<void> done);
  void set_namespace_policies(std::string tenant_and_namespace, PolicyValues values, Done<void> done);
  // --- schemas of a topic, which need not be there; a deletion takes them with it ---
  /// All versions, oldest first, without definitions and properties.
  void schema_marks(std::string topic, Done<std::vector<SchemaRow>> done);
  /// That version, or all, oldest first.
  void schemas(std::string topic, std::optional<std::uint64_t> version, Done<std::vector<SchemaRow>> done);
  /// `live`: a topic of that name, which must not have been deleted. Errors: conflict (the version is not the
  /// next one), topic_not_found (`live`), not_found (its namespace).
  void add_schema(SchemaRow row, std::optional<TopicId> live, Done<void> done);
  /// Gives the version of the mark; none: there is nothing of them any more, or was nothing.
  void remove_schemas(std::string topic, SchemaRemoval how, Done<std::optional<std::uint64_t>> done);
  void set_producer_epoch(TopicId id, std::uint64_t epoch, Done<void> done);
  /// There is no way back.
  void terminate_topic(TopicId id, Done<void> done);
  /// A topic without a name that is to hold a compacted view of another one. Nobody uses it until set_view().
  void create_view(TopicId of, Done<TopicRow> done);
  /// From now on this is the view of the topic; all others that there are of it become tombstones.
  void set_view(TopicId of, const ViewRow& view, Done<void> done);
  /// Step one of a deletion: the name is free again, the id stays as a tombstone, and so do its views.
  void tombstone_topic(TopicId id, Done<void> done);
  /// The same of all partitions and the name above them, at once.
  void tombstone_partitioned_topic(std::string name, std::vector<TopicId> partitions, Done<void> done);
  /// Last step, when no file of the log names the topic any more (LogListener::on_forgotten).
  void forget_topic(TopicId id, Done<void> done);

  /// `hook` gets the sequence of every later commit, on the metadata thread, before the callbacks of that
  /// commit.
  void on_commit(std::function<void(std::uint64_t sequence)> hook);
  /// `hook` comes once, on the metadata thread, when a write or sync failed and after those who waited were
  /// told. The program ends with exit code 74.
  void on_disk_error(std::function<void(const Error&)> hook);

  /// Waits for the commits under way. Idempotent.
  Result<> close();

 private:
  explicit MetadataStore(std::unique_ptr<MetadataCommits> commits);
  std::unique_ptr<MetadataCommits> commits_;
};

}  // namespace geminga::storage
