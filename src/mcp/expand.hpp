#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "mcp/server_config.hpp"

namespace geminga::mcp {

/// Replaces ${NAME}, ${NAME:-default}, ${env:NAME}, and ${file:PATH} by what the file holds, without the end
/// of its last line; any other text stays as it is. Errors: config_error for a variable that is not set and
/// has no default, and for a file that cannot be read or is no secret by its size.
Result<std::string> expand_variables(std::string_view text, Environment environment);

}  // namespace geminga::mcp
