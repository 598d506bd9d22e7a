#include "net/json_body.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace geminga::net {

namespace {

constexpr int kDepthMax = 64;

/// Brackets outside of strings; the text need not be valid.
bool is_nested_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<nlohmann::json> parse_json_object(std::string_view body) {
  if (is_nested_too_deep(body))
    return fail(ErrorCode::parse_error, fmt::format("the body is nested deeper than {} levels", kDepthMax));
  try {
    nlohmann::json parsed = nlohmann::json::parse(body);
    if (!parsed.is_object())
      return fail(ErrorCode::parse_error,
                  fmt::format("the body must be a JSON object, not of type {}", parsed.type_name()));
    return parsed;
  } catch (const nlohmann::json::parse_error& error) {
    return fail(ErrorCode::parse_error,
                fmt::format("the body is not JSON: syntax error at byte {}", error.byte));
  } catch (const nlohmann::json::out_of_range&) {
    return fail(ErrorCode::parse_error, "the body holds a number that is too large for a 64-bit double");
  }
}

}  // namespace geminga::net
