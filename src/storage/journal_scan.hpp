#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <geminga/error.hpp>

#include "base/file_system.hpp"
#include "storage/journal_files.hpp"
#include "storage/journal_format.hpp"
#include "storage/journal_reader.hpp"

namespace geminga::storage {

struct JournalFileName {
  std::uint64_t generation = 0;
  std::filesystem::path path;
};
/// The journal files of a directory, by generation.
Result<std::vector<JournalFileName>> list_journal_files(base::FileSystem& files,
                                                        const std::filesystem::path& directory);

/// The group at a position of a file, valid or not.
struct ScannedGroup {
  GroupHeader header;
  ParsedGroup parsed;
};

struct ScanOptions {
  std::filesystem::path directory;
  RawUuid uuid{};
  std::uint64_t covered = 0;  ///< groups up to here are in the checkpoint
  bool skip_crc = false;
};

/// Where the valid groups of the last file stand.
struct Tail {
  std::filesystem::path path;
  std::uint64_t first = 0;  ///< offset of the first group that is not covered
  std::uint64_t end = 0;    ///< behind the last valid group
};

struct ScanResult {
  std::uint64_t last_group = 0;       ///< covered, or read
  std::uint64_t groups = 0;           ///< read
  std::uint64_t torn_bytes = 0;       ///< of a group that was begun and not finished
  std::uint64_t next_generation = 1;  ///< higher than that of any file
  struct Full {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    std::uint64_t last_group = 0;
  };
  std::vector<Full> full;  ///< files in front of the tail that hold needed groups
  /// Files that begin with a group that was not finished, and those behind it. They go before anything is
  /// written: beside later groups what is left of that one would look like damage.
  std::vector<std::filesystem::path> torn;
  std::vector<JournalSpare> spares;  ///< files that hold nothing that is needed
  std::optional<Tail> tail;
};

/// Walks through the journal as docs/formats/journal.md has it: groups in sequence of the right generation;
/// an invalid one without a valid later one is a torn tail; followed by a valid one it is damage. `apply`
/// gets each group that is not covered, in order; its bodies are valid during the call. Damaged bodies of
/// readable groups are listed in it. Errors: corrupted (an unreadable group, a gap), those of `apply`.
Result<ScanResult> scan_journal(base::FileSystem& files, const ScanOptions& options,
                                const std::function<Result<>(const ScannedGroup&)>& apply);

/// The result for a journal that should hold nothing behind `covered`: looks at the first group of each file
/// only. What was written after a clean end begins a file. Errors: corrupted (it holds something).
Result<ScanResult> list_journal(base::FileSystem& files, const ScanOptions& options);

/// Where the disk has no room for rewrite_tail(): the journal goes on in the file itself. What is in it was
/// read from the disk; what is left of a torn group is written over with zeros first.
Result<JournalFile> go_on_in_tail(base::FileSystem& files, const ScanResult& scan);

/// Copies the valid tail into a new synced file, so that what is served is surely on the disk, and removes
/// the old file. `room` more bytes are prepared behind it.
Result<JournalFile> rewrite_tail(base::FileSystem& files, JournalFiles& journal, const Tail& tail,
                                 std::uint64_t room);

}  // namespace geminga::storage
