#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "mcp/server_config.hpp"

namespace geminga::mcp {

/// Replaces ${NAME}, ${NAME:-default} and ${env:NAME}; any other text stays as it is. Errors: config_error
/// for a variable that is not set and has no default.
Result<std::string> expand_variables(std::string_view text, Environment environment);

}  // namespace geminga::mcp
