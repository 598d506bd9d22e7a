#pragma once

#include <filesystem>

#include "base/file_system.hpp"
#include "base/try.hpp"

namespace geminga::base {

/// Before an SQLite file is opened: what the kernel holds of it and of its log may be what a failed sync left
/// behind and no disk has. Never while this process has it open: that would end SQLite's locks.
inline Result<> forget_cached_database(FileSystem& files, const std::filesystem::path& path) {
  for (const char* suffix : {"", "-wal"}) {
    const auto file = files.open(path.string() + suffix, {.mode = OpenMode::read});
    if (!file && file.error().code == ErrorCode::not_found) continue;
    if (!file) return std::unexpected(file.error());
    GEMINGA_TRY_VOID((*file)->drop_cache());
  }
  return {};
}

}  // namespace geminga::base
