#pragma once

#include <filesystem>

#include "base/file_system.hpp"
#include "base/try.hpp"

namespace geminga::base {

/// Makes the directory and those above it that are missing, mode 0700, so that all survive a power cut. Fine
/// when it is there already. Errors: those of FileSystem.
inline Result<> make_directories(FileSystem& files, const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  if (parent.has_relative_path()) {
    GEMINGA_TRY(const bool there, files.exists(parent));
    if (!there) GEMINGA_TRY_VOID(make_directories(files, parent));
  }
  GEMINGA_TRY_VOID(files.make_directory(path));
  return files.sync_directory(parent.empty() ? "." : parent);
}

}  // namespace geminga::base
