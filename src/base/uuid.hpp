#pragma once

#include <string>
#include <string_view>

namespace geminga::base {

/// A random UUID (RFC 9562 version 4) as 36 lower-case characters, from the kernel's generator. Any thread.
std::string random_uuid();
/// A UUID (RFC 9562 version 7) whose text sorts by the millisecond at which it was made; the other 74 bits
/// are random. For the keys of rows: new ones lie side by side, so that an index changes in few places. Any
/// thread.
std::string ordered_uuid();
/// True for 36 characters of that form, in either case.
bool is_uuid(std::string_view text);

}  // namespace geminga::base
