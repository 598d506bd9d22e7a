#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "base/file_system.hpp"

namespace geminga::storage {

/// "journal-<generation as 16 hex digits>.log"
std::string journal_file_name(std::uint64_t generation);
/// Nothing for other names.
std::optional<std::uint64_t> journal_generation(std::string_view name);

struct JournalFile {
  std::filesystem::path path = {};
  std::uint64_t generation = 0;
  std::unique_ptr<base::File> file = nullptr;
  std::uint64_t capacity = 0;    ///< prepared bytes
  std::uint64_t position = 0;    ///< of the next group
  std::uint64_t last_group = 0;  ///< number of the last group in it; 0: none
};

struct JournalFilesOptions {
  std::filesystem::path directory;
  std::uint64_t file_bytes = 64ULL << 20;
  bool no_fsync = false;
  bool no_dirsync = false;
};

/// The files of the journal: one that is written, one that is ready to follow it, those that wait for their
/// groups to be covered by a checkpoint, and spares to be used again. Preparing (zeroing or renaming, and
/// syncing the directory) is done ahead by the background thread, so the journal thread never waits for it:
/// when the next file is late, the current one grows.
class JournalFiles {
 public:
  JournalFiles(base::FileSystem& files, JournalFilesOptions options);

  // --- start, one thread ---
  void set_next_generation(std::uint64_t generation) { next_generation_ = generation; }
  [[nodiscard]] std::uint64_t take_generation();
  void limit_file_bytes(std::uint64_t bytes) { options_.file_bytes = std::min(options_.file_bytes, bytes); }
  /// Of a full-size file.
  [[nodiscard]] std::uint64_t file_bytes() const;
  /// A file whose groups nobody needs any more.
  void add_spare(std::filesystem::path path, std::uint64_t bytes);
  /// A file that waits for its groups to be covered.
  void add_full(JournalFile file);
  /// The file to write now: `file`, or a spare, or a small new one (a big one would delay the start).
  Result<> begin(std::optional<JournalFile> file);
  /// A new file under a temporary name; finish() makes it count. Also for the background thread.
  Result<JournalFile> create_empty();
  /// Zeros from its position on, `room` bytes; syncs, gives the final name and syncs the directory.
  Result<> finish(JournalFile& file, std::uint64_t room, const std::atomic<bool>* stop = nullptr);
  Result<> sync_directory();

  // --- journal thread ---
  /// Makes room for a group of `bytes`. Errors: disk_full (nothing was changed; try again later), disk_error.
  Result<> reserve(std::uint64_t bytes);
  /// Generation and position that the next write will have; after reserve().
  [[nodiscard]] std::uint64_t generation() const { return current_.generation; }
  /// Writes the group at the position and syncs. `group` is a multiple of kGroupAlignment, at an aligned
  /// address.
  Result<> write(std::span<const std::byte> group, std::uint64_t number);

  // --- background thread ---
  [[nodiscard]] bool needs_next() const;
  Result<> prepare_next(const std::atomic<bool>& stop);
  /// The groups up to this number are covered by a durable checkpoint.
  Result<> release(std::uint64_t covered_group);

  // --- any thread ---
  /// Bytes of all files, spares too.
  [[nodiscard]] std::uint64_t bytes() const;
  /// Bytes of the files that wait for a checkpoint, and of the one that is written.
  [[nodiscard]] std::uint64_t held_bytes() const;
  /// Bytes that can be written without taking new space.
  [[nodiscard]] std::uint64_t reserved_bytes() const;

 private:
  Result<JournalFile> reuse_spare();
  Result<JournalFile> create(std::uint64_t bytes, const std::atomic<bool>* stop);
  Result<> fill_with_zeros(JournalFile& file, std::uint64_t until, const std::atomic<bool>* stop);

  base::FileSystem& files_;
  JournalFilesOptions options_;  // const after the start

  JournalFile current_;  // journal thread
  std::atomic<std::uint64_t> current_capacity_{0};
  std::atomic<std::uint64_t> current_position_{0};

  struct Spare {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
  };
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t next_generation_ = 1;
  std::optional<JournalFile> next_;
  std::vector<JournalFile> full_;
  std::vector<Spare> spares_;
};

}  // namespace geminga::storage
