#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "broker/schemas/schema.hpp"

namespace geminga::broker {

/// The two schemas in one of type key_value. Its data: for key and value each a length of four bytes, big
/// endian, and as many bytes of definition. The types are in its properties "key.schema.type" and
/// "value.schema.type", as Pulsar's words; not there: bytes.
struct KeyValueSchemas {
  SchemaDefinition key;
  SchemaDefinition value;
};
/// Errors: invalid_schema.
[[nodiscard]] Result<KeyValueSchemas> split_key_value(const SchemaDefinition& both);
[[nodiscard]] std::string join_key_value(std::string_view key, std::string_view value);

}  // namespace geminga::broker
