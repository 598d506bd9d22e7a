#pragma once

#include <cstdint>
#include <filesystem>

#include <geminga/error.hpp>

#include "storage/bytes.hpp"

namespace geminga::base {
class FileSystem;
}

namespace geminga::storage {

struct JournalCopyOptions {
  std::filesystem::path from;
  std::filesystem::path to;
  RawUuid uuid{};
  std::uint64_t covered = 0;  ///< groups up to here are in the checkpoint
};

/// Copies the groups behind `covered` into one journal file, while they may be written: up to the last one
/// that is whole, at least up to the last that was begun before the call. Nobody may recycle files meanwhile.
/// Errors: unavailable (somebody did), corrupted (a group in the middle cannot be read), disk_full,
/// disk_error.
Result<> copy_journal(base::FileSystem& files, const JournalCopyOptions& options);

}  // namespace geminga::storage
