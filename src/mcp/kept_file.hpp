#pragma once

#include <filesystem>
#include <string_view>

#include "base/file_system.hpp"
#include "base/make_directories.hpp"
#include "base/try.hpp"

namespace geminga::mcp {

/// Puts a file of mode 0600 in the place of another, whole or not at all; its folder is made for this user
/// only where it is missing. Blocks. Errors: those of base::FileSystem.
inline Result<> keep_file(const std::filesystem::path& file, std::string_view text) {
  base::FileSystem& files = base::FileSystem::system();
  GEMINGA_TRY(const bool there, files.exists(file.parent_path()));
  if (!there) GEMINGA_TRY_VOID(base::make_directories(files, file.parent_path()));
  return base::replace_file(files, file, text);
}

}  // namespace geminga::mcp
