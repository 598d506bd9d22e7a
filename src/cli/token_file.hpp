#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "cli/verb.hpp"

namespace geminga::cli {

/// The token of --token-file, else of GEMINGA_TOKEN (itself, or file:///path as with Pulsar); empty: there is
/// none. A token never stands on the command line, which others can see. Errors: config_error,
/// invalid_argument.
Result<std::string> token_of(const Arguments& arguments);

}  // namespace geminga::cli
