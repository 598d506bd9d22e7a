#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "broker/schemas/schema.hpp"
#include "wire/pulsar/types.hpp"

namespace geminga::doors::pulsar {

/// Nothing: the client brings none, or bytes, which is the same. Errors: invalid_schema (a type that nobody
/// knows here).
Result<std::optional<broker::SchemaDefinition>> schema_of(const ::geminga::wire::pulsar::Schema& schema);
Result<std::optional<broker::SchemaDefinition>> schema_of(
    const ::geminga::wire::pulsar::Optional<::geminga::wire::pulsar::Schema>& schema);

/// A non-persistent topic keeps nothing, no schema either: types that are all said by their name are let
/// through. Errors: unsupported_by_engine.
Result<> check_unkept(const std::optional<broker::SchemaDefinition>& schema);

/// Eight bytes, big endian; none: empty, and there, as the Java client ends the connection where it is
/// absent.
std::string version_bytes(std::optional<std::uint64_t> version);
/// Errors: invalid_schema.
Result<std::uint64_t> parse_version(std::string_view bytes);

}  // namespace geminga::doors::pulsar
