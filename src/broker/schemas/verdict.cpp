#include "broker/schemas/verdict.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/policy_fields.hpp"
#include "base/try.hpp"

namespace geminga::broker {

namespace {

template <class... Args>
std::unexpected<Error> refused(fmt::format_string<Args...> text, Args&&... args) {
  return fail(ErrorCode::incompatible_schema, fmt::format(text, std::forward<Args>(args)...));
}

SchemaType type_of(const storage::SchemaRow& row) {
  return static_cast<SchemaType>(*row.type);
}

/// It says something else than all that there are.
std::unexpected<Error> refuse_change(const KnownSchemas& known, SchemaType type, const SchemaPolicy& policy) {
  const storage::SchemaRow& last = known.live.back();
  const std::string strategy =
      base::to_word("schema_compatibility", static_cast<std::uint64_t>(policy.compatibility));
  const std::string_view cause = policy.compatibility == SchemaCompatibility::always_incompatible
                                     ? "which allows no change"
                                     : "and changes are not compared yet";
  if (type != type_of(last))
    return refused(
        "{} has a schema of type {} (version {}), this one is of type {}; the topic's schema_compatibility "
        "is "
        "{}, {}. Use the type that is there, or set schema_compatibility to always_compatible",
        known.topic, to_string(type_of(last)), last.version, to_string(type), strategy, cause);
  return refused(
      "this {} schema says something else than those of {} (the last one is version {}); the topic's "
      "schema_compatibility is {}, {}. Use a schema that is there, or set schema_compatibility to "
      "always_compatible",
      to_string(type), known.topic, last.version, strategy, cause);
}

Result<> check_room(const KnownSchemas& known) {
  std::uint64_t bytes = 0;
  for (const storage::SchemaRow& row : known.live) bytes += row.bytes;
  if (known.live.size() < kSchemaVersionsMax && bytes < kSchemaTopicBytesMax) return {};
  return refused("{} has {} versions of its schema with {} bytes; {} and {} are the limits. Delete them",
                 known.topic, known.live.size(), bytes, kSchemaVersionsMax, kSchemaTopicBytesMax);
}

}  // namespace

SchemaPolicy schema_policy(const Policies& in_force) {
  const SchemaPolicy usual;
  return {.compatibility = in_force.schema_compatibility.value_or(usual.compatibility),
          .auto_update = in_force.schema_auto_update.value_or(usual.auto_update),
          .validation_enforced = in_force.schema_validation_enforced.value_or(usual.validation_enforced)};
}

KnownSchemas::KnownSchemas(std::string name, std::vector<storage::SchemaRow> marks)
    : topic(std::move(name)), live(std::move(marks)) {
  if (!live.empty()) next = live.back().version + 1;
  const auto mark = std::ranges::find_if(live.rbegin(), live.rend(),
                                         [](const storage::SchemaRow& row) { return !row.type; });
  live.erase(live.begin(), mark.base());
}

std::optional<std::uint64_t> KnownSchemas::version_of(std::string_view fingerprint) const {
  const auto found = std::ranges::find(live, fingerprint, &storage::SchemaRow::fingerprint);
  return found == live.end() ? std::nullopt : std::optional(found->version);
}

bool KnownSchemas::has_schema() const {
  return !live.empty() && type_of(live.back()) != SchemaType::none;
}

Result<SchemaVerdict> judge_new(const KnownSchemas& known, const BroughtSchema& brought,
                                const SchemaPolicy& policy) {
  if (const auto version = known.version_of(brought.fingerprint)) return SchemaVerdict{.version = version};
  if (!known.live.empty() && policy.compatibility != SchemaCompatibility::always_compatible)
    return refuse_change(known, brought.type, policy);
  GEMINGA_TRY_VOID(check_room(known));
  return SchemaVerdict{.version = known.next, .add = true};
}

Result<SchemaVerdict> judge_producer(const KnownSchemas& known, const std::optional<BroughtSchema>& brought,
                                     const SchemaPolicy& policy) {
  if (!brought) {
    if (!policy.validation_enforced || !known.has_schema()) return SchemaVerdict{};
    return refused(
        "{} has a schema and its policy schema_validation_enforced is on: nobody may publish without one; "
        "give the producer the topic's schema",
        known.topic);
  }
  if (!policy.auto_update && !known.version_of(brought->fingerprint))
    return refused(
        "{} does not have this {} schema and its policy schema_auto_update is off; register it first, or "
        "switch "
        "that on",
        known.topic, to_string(brought->type));
  return judge_new(known, *brought, policy);
}

Result<SchemaVerdict> judge_consumer(const KnownSchemas& known, const BroughtSchema& brought,
                                     const SchemaPolicy& policy, bool idle) {
  if (!known.live.empty()) {
    if (policy.compatibility == SchemaCompatibility::always_compatible) return SchemaVerdict{};
    if (const auto version = known.version_of(brought.fingerprint)) return SchemaVerdict{.version = version};
    return refuse_change(known, brought.type, policy);
  }
  if (idle) return judge_producer(known, brought, policy);
  // A type that is all said by its name reads what others wrote as bytes; what stands in a definition does
  // not.
  const bool defined = brought.type == SchemaType::json || brought.type == SchemaType::avro ||
                       brought.type == SchemaType::protobuf || brought.type == SchemaType::protobuf_native ||
                       brought.type == SchemaType::key_value;
  if (!defined) return SchemaVerdict{};
  return refused(
      "{} is in use without a schema, so a consumer cannot say that it is {}; register the schema first, by "
      "a "
      "producer that has it",
      known.topic, to_string(brought.type));
}

}  // namespace geminga::broker
