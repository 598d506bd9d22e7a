#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

/// Arguments that a tool wants to see as HTTP headers too (`x-mcp-header`, protocol 2026-07-28).
namespace geminga::wire::mcp {

struct HeaderParam {
  std::vector<std::string> path{};  ///< names of members, from the arguments down
  std::string header{};             ///< "Mcp-Param-Region"
};

/// Those that an input schema marks. Errors: protocol_error where a mark breaks the rules: no token, twice
/// the same, not on a text, a whole number or a truth value, or at a place that has no fixed path.
Result<std::vector<HeaderParam>> header_params(const nlohmann::json& input_schema);

/// The headers for these arguments; what is absent or null has none.
std::vector<std::pair<std::string, std::string>> param_headers(const std::vector<HeaderParam>& params,
                                                               const nlohmann::json& arguments);

/// The text as a header can carry it: in base64 with marks where it is not plain.
std::string header_value(std::string_view text);

}  // namespace geminga::wire::mcp
