#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

namespace geminga::orchestrator {

/// Parses the text of a JSON value nested at most 256 deep (deeper ones would cost stack at each later step).
/// Errors: schema_mismatch, with the place.
Result<nlohmann::json> parse_json(std::string_view text);

/// Checks a value against a JSON Schema (2020-12) written with these keywords: type, const, enum, minimum,
/// maximum, minLength, required, properties, items, and format "date-time". Others are passed over, so they
/// must not stand in our schemas (a test sees to it). Errors: schema_mismatch, with the path of the first
/// misfit, what was found and what is expected; `name` stands in front.
Result<> check_schema(const nlohmann::json& schema, const nlohmann::json& value, std::string_view name);

}  // namespace geminga::orchestrator
