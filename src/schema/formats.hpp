#pragma once

#include <string_view>

namespace geminga::schema {

/// What a text of this format looks like, for people; empty where the text has it, and for formats that are
/// not known here (known: date, time, date-time, email, uri, uuid, ipv4).
std::string_view wanted_format(std::string_view format, std::string_view text);

}  // namespace geminga::schema
