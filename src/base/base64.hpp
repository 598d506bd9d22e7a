#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::base {

/// Standard alphabet with padding (RFC 4648 section 4).
std::string to_base64(std::string_view bytes);
/// Errors: parse_error (a character outside the alphabet, wrong padding or length).
Result<std::string> from_base64(std::string_view text);

}  // namespace geminga::base
