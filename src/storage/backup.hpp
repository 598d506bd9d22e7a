#pragma once

#include <filesystem>

#include <geminga/error.hpp>

#include "storage/fsck.hpp"

namespace geminga::storage {

/// Copies a data directory, used by a running process or by nobody, into one that is made or empty, and
/// checks the copy. It holds everything that was acknowledged before the call, with the same UUID. A running
/// process goes on meanwhile; its journal only grows until the copy is done. FORMAT is written last: a copy
/// that was cut short is no data directory. Blocks. Errors: not_found, invalid_argument (the target is not
/// empty), directory_locked (another copy is under way), disk_full, disk_error, corrupted (the copy is not
/// sound: the source has damage; no FORMAT is left in it).
Result<FsckReport> copy_directory(base::FileSystem& files, const std::filesystem::path& from,
                                  const std::filesystem::path& to);

}  // namespace geminga::storage
