#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/error.hpp>
#include <geminga/types.hpp>

namespace geminga::broker {

/// Pulsar's kinds of schemas with the numbers of its protocol; stored, so they never change.
enum class SchemaType : std::uint8_t {
  none = 0,  ///< bytes
  string = 1,
  json = 2,
  protobuf = 3,  ///< the definition is an Avro one
  avro = 4,
  boolean = 5,
  int8 = 6,
  int16 = 7,
  int32 = 8,
  int64 = 9,
  float32 = 10,
  float64 = 11,
  date = 12,
  time = 13,
  timestamp = 14,
  key_value = 15,
  instant = 16,
  local_date = 17,
  local_time = 18,
  local_date_time = 19,
  protobuf_native = 20,
  auto_consume = 21,  ///< "whatever the topic has"; never stored
};

/// Pulsar's words: "AVRO", "FLOAT" for float32.
[[nodiscard]] std::string_view to_string(SchemaType type);
/// Errors: invalid_schema, with what there is.
[[nodiscard]] Result<SchemaType> parse_schema_type(std::string_view text);

/// Definition and properties of a schema have at most so many bytes together.
inline constexpr std::size_t kSchemaBytesMax = 1 << 20;

/// What a client brings.
struct SchemaDefinition {
  SchemaType type = SchemaType::none;
  std::string data;  ///< JSON, or of key_value key_value.hpp; empty for types that are all said by their name
  Properties properties;
};

/// A version of a topic's schema.
struct Schema {
  SchemaDefinition definition;
  std::uint64_t version = 0;
  Timestamp registered{};
};

/// Does it say all that its type needs, and nothing that cannot be? Gives a fingerprint, the same for
/// definitions of one type that say the same: of Avro's, whose comments, aliases and layout differ; of others
/// with the same bytes. Properties are not looked at, but for the types within a key_value. Any thread; reads
/// all of it, so it takes some milliseconds for the largest. Errors: invalid_schema.
[[nodiscard]] Result<std::string> fingerprint_of(const SchemaDefinition& definition);

}  // namespace geminga::broker
