#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

namespace geminga::wire::mcp {

/// Deeper values are refused: reading them back as text would need as much stack as they have levels.
inline constexpr std::size_t kMaxJsonDepth = 256;

/// Parses JSON that a peer sent. Bytes that are no UTF-8 are replaced by U+FFFD first where that is what
/// keeps it from being read. Errors: parse_error.
Result<nlohmann::json> parse_json(std::string_view text);

/// One line, UTF-8.
std::string to_text(const nlohmann::json& value);

/// The JSON string for `text`, with quotes.
std::string quote(std::string_view text);

/// A copy in which every byte that belongs to no UTF-8 sequence is U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

/// `object[key]`; nullptr where it is absent or null, or `object` is none.
const nlohmann::json* member(const nlohmann::json& object, std::string_view key);

/// The text of `object[key]` when it is a string, else "".
std::string string_member(const nlohmann::json& object, std::string_view key);

}  // namespace geminga::wire::mcp
