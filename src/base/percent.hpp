#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::base {

/// Decodes %XX. Errors: parse_error (malformed, or not UTF-8 afterwards).
Result<std::string> percent_decode(std::string_view text);
/// Encodes everything but unreserved characters (RFC 3986 section 2.3); for one segment or one query value.
std::string percent_encode(std::string_view text);

}  // namespace geminga::base
