#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <geminga/error.hpp>

#include "base/percent.hpp"

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

using base::percent_decode;
using base::percent_encode;

}  // namespace geminga::net
