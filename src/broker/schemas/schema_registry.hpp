#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/answer.hpp"
#include "broker/context.hpp"
#include "broker/partition_table.hpp"
#include "broker/schemas/schema.hpp"
#include "broker/schemas/verdict.hpp"
#include "broker/topic_registry.hpp"

namespace geminga::broker {

struct SchemaCheck {
  SchemaCompatibility compatibility = SchemaCompatibility::full;
  bool compatible = false;
  std::string why;  ///< where it is not
};

/// The schemas of all topics. They stand in the metadata and nowhere else, so a topic costs no memory for
/// them; each call asks there. Partitions have those of the whole. They go with their topic, and may be there
/// before it. Names of topics are full ones, also of partitions.
///
/// A version that is answered is durable. Two who add at the same time get two versions: who comes second
/// judges once more, with what the first one added.
///
/// Any thread; nothing blocks. Definitions are read on the caller's.
class SchemaRegistry {
 public:
  SchemaRegistry(ContextPtr context, const PartitionTable& partitions, TopicRegistry& topics)
      : context_(std::move(context)), partitions_(partitions), topics_(topics) {}

  /// Somebody wants to publish. Gives the version of what it brings, registered where that is new and may be;
  /// none: it brings none (or bytes), and may. Errors: invalid_schema, incompatible_schema.
  void admit_producer(TopicPtr topic, const std::optional<SchemaDefinition>& brought,
                      Done<std::optional<std::uint64_t>> done);
  /// Somebody wants to receive. Bytes and auto_consume may always. Errors: as above.
  void admit_consumer(TopicPtr topic, const std::optional<SchemaDefinition>& brought, Done<void> done);

  /// No version: the latest. Errors: not_found.
  void find(const std::string& topic, std::optional<std::uint64_t> version, Done<Schema> done);
  /// Oldest first.
  void all(const std::string& topic, Done<std::vector<Schema>> done);
  /// None: the topic has no such schema. Errors: invalid_schema.
  void find_version(const std::string& topic, const SchemaDefinition& schema,
                    Done<std::optional<std::uint64_t>> done);
  /// What add() would say. Errors: invalid_schema.
  void check(const std::string& topic, const SchemaDefinition& schema, Done<SchemaCheck> done);
  /// By who manages the topic, whatever schema_auto_update says. Errors: invalid_schema, incompatible_schema,
  /// not_found (the namespace), invalid_argument (a non-persistent topic).
  void add(const std::string& topic, const SchemaDefinition& schema, Done<std::uint64_t> done);
  /// See MetadataStore::remove_schemas.
  void remove(const std::string& topic, storage::SchemaRemoval how, Done<std::optional<std::uint64_t>> done);

 private:
  /// A schema on its way in.
  struct Entry {
    std::string topic;  ///< as registered
    TopicPtr live;      ///< somebody wants to connect to it; held until the answer
    SchemaDefinition schema;
    std::string fingerprint;
    std::function<Result<SchemaVerdict>(const KnownSchemas&)> judge;
    Answer<std::optional<std::uint64_t>> answer;
  };
  void enter(std::shared_ptr<Entry> entry);
  void write(const std::shared_ptr<Entry>& entry, std::uint64_t version);
  [[nodiscard]] std::string registered_name(const std::string& topic) const;
  void policy_of(const std::string& topic, Done<SchemaPolicy> done);

  const ContextPtr context_;
  const PartitionTable& partitions_;
  TopicRegistry& topics_;
};

}  // namespace geminga::broker
