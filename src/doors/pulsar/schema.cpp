#include "doors/pulsar/schema.hpp"

#include <fmt/format.h>

namespace geminga::doors::pulsar {

namespace wire = ::geminga::wire::pulsar;

namespace {

constexpr std::size_t kVersionBytes = 8;

}  // namespace

Result<std::optional<broker::SchemaDefinition>> schema_of(const wire::Schema& schema) {
  if (schema.type == wire::SchemaType::none) return std::nullopt;
  if (schema.type > wire::SchemaType::auto_consume)
    return fail(
        ErrorCode::invalid_schema,
        fmt::format("schemas of type {} are not known here; send bytes, and encode in the application",
                    static_cast<int>(schema.type)));
  // The numbers are those of the protocol.
  broker::SchemaDefinition definition{.type = static_cast<broker::SchemaType>(schema.type),
                                      .data = std::string(schema.schema_data),
                                      .properties = {}};
  for (const wire::KeyValue& each : schema.properties)
    definition.properties.insert_or_assign(std::string(each.key), std::string(each.value));
  return definition;
}

Result<std::optional<broker::SchemaDefinition>> schema_of(const wire::Optional<wire::Schema>& schema) {
  if (!schema.present()) return std::nullopt;
  return schema_of(*schema);
}

Result<> check_unkept(const std::optional<broker::SchemaDefinition>& schema) {
  if (!schema || schema->data.empty() || schema->data == "null") return {};  // as Python's client says it
  return fail(
      ErrorCode::unsupported_by_engine,
      "a non-persistent topic keeps no schema; use a persistent one, or a type that needs no definition");
}

std::string version_bytes(std::optional<std::uint64_t> version) {
  std::string bytes;
  if (!version) return bytes;
  for (std::size_t shift = 8 * kVersionBytes; shift > 0; shift -= 8)
    bytes.push_back(static_cast<char>(*version >> (shift - 8) & 0xffU));
  return bytes;
}

Result<std::uint64_t> parse_version(std::string_view bytes) {
  if (bytes.size() != kVersionBytes)
    return fail(ErrorCode::invalid_schema,
                fmt::format("the version of a schema has {} bytes, not {}", kVersionBytes, bytes.size()));
  std::uint64_t version = 0;
  for (const char byte : bytes) version = version << 8U | static_cast<std::uint8_t>(byte);
  return version;
}

}  // namespace geminga::doors::pulsar
