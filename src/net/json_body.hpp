#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

namespace geminga::net {

/// A request body that must be one JSON object, nested at most 64 deep. Errors: parse_error, with the place.
Result<nlohmann::json> parse_json_object(std::string_view body);

}  // namespace geminga::net
