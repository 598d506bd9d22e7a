#pragma once

#include <filesystem>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::mcp {

/// Puts a file of mode 0600 in the place of another, whole or not at all; its folder is made for this user
/// only where it is missing. Errors: io_error.
Result<> replace_file(const std::filesystem::path& file, std::string_view text);

}  // namespace geminga::mcp
