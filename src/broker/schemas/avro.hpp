#pragma once

#include <nlohmann/json.hpp>

#include <geminga/error.hpp>

namespace geminga::broker {

/// What an Avro schema says, in one form: full names, no comments, aliases or layout, {"type": "int"} as
/// "int". Two of them are equal where Avro's own library says so. Names of types must be known where they are
/// used; whether defaults fit their types is not looked at. Source: the specification of Avro 1.11, "Schema
/// Declaration", "Names". Errors: invalid_schema, with the place.
[[nodiscard]] Result<nlohmann::json> normal_avro(const nlohmann::json& schema);

}  // namespace geminga::broker
