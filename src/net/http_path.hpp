#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <geminga/error.hpp>

namespace geminga::net {

/// A request target in its decoded parts.
struct HttpTarget {
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;
  bool operator==(const HttpTarget&) const = default;
};

/// Takes an origin-form target ("/path?query", RFC 9112 section 3.2.1) apart. There is one spelling for each
/// path, so that no check can be walked around: refused are a malformed percent sign, an encoded slash,
/// backslash or control character, "." and ".." in any spelling, empty segments (but for one trailing slash,
/// which is a path of its own), and bytes that are not UTF-8. In the query "+" is a space.
/// Errors: parse_error.
Result<HttpTarget> parse_target(std::string_view target);

/// Decodes %XX. Errors: parse_error (malformed, or not UTF-8 afterwards).
Result<std::string> percent_decode(std::string_view text);
/// Encodes everything but unreserved characters (RFC 3986 section 2.3); for one segment or one query value.
std::string percent_encode(std::string_view text);

}  // namespace geminga::net
