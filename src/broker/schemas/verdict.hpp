#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/policies.hpp>

#include "broker/schemas/schema.hpp"
#include "storage/metadata.hpp"

/// What becomes of a schema that somebody brings; pure.
namespace geminga::broker {

/// A topic has at most so many versions, and so many bytes of definitions.
inline constexpr std::size_t kSchemaVersionsMax = 1'000;
inline constexpr std::uint64_t kSchemaTopicBytesMax = 16ULL << 20;

/// What policies say of schemas, where nothing is left open.
struct SchemaPolicy {
  SchemaCompatibility compatibility = SchemaCompatibility::full;
  bool auto_update = true;
  bool validation_enforced = false;
};
[[nodiscard]] SchemaPolicy schema_policy(const Policies& in_force);

/// What a topic has.
struct KnownSchemas {
  std::string topic;
  std::vector<storage::SchemaRow> live;  ///< oldest first, without definitions; none is a mark
  std::uint64_t next = 0;                ///< version of the next one

  KnownSchemas(std::string name, std::vector<storage::SchemaRow> marks);
  [[nodiscard]] std::optional<std::uint64_t> version_of(std::string_view fingerprint) const;
  /// Bytes that anybody may write are no schema.
  [[nodiscard]] bool has_schema() const;
};

/// A schema with its fingerprint.
struct BroughtSchema {
  SchemaType type = SchemaType::none;
  std::string fingerprint;
};

struct SchemaVerdict {
  std::optional<std::uint64_t> version;  ///< that it is; of one to be added: will be
  bool add = false;
};

/// Of who manages the topic: where there is none, or the strategy lets it. Errors: incompatible_schema.
[[nodiscard]] Result<SchemaVerdict> judge_new(const KnownSchemas& known, const BroughtSchema& brought,
                                              const SchemaPolicy& policy);
/// Of a producer; `brought` empty: it has none. Errors: incompatible_schema.
[[nodiscard]] Result<SchemaVerdict> judge_producer(const KnownSchemas& known,
                                                   const std::optional<BroughtSchema>& brought,
                                                   const SchemaPolicy& policy);
/// Of a consumer. `idle`: nothing is in the topic and nobody else is connected, so it may say what the topic
/// is for. Errors: incompatible_schema.
[[nodiscard]] Result<SchemaVerdict> judge_consumer(const KnownSchemas& known, const BroughtSchema& brought,
                                                   const SchemaPolicy& policy, bool idle);

}  // namespace geminga::broker
