#pragma once

#include <string>
#include <string_view>

namespace geminga::base {

/// A random UUID (RFC 9562 version 4) as 36 lower-case characters, from the kernel's generator. Any thread.
std::string random_uuid();
/// True for 36 characters of that form, in either case.
bool is_uuid(std::string_view text);

}  // namespace geminga::base
