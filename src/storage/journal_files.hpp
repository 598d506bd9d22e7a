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

/// A file whose groups nobody needs any more.
struct JournalSpare {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};

struct JournalFilesOptions {
  std::filesystem::path directory;
  std::uint64_t file_bytes = 64ULL << 20;
  bool no_fsync = false;
  bool no_dirsync = false;
};

/// Who asks for room.
enum class RoomFor : std::uint8_t {
  publishing,      ///< messages: refused while the disk is full
  upkeep,          ///< acknowledgements, positions, trims and drops only: they go on
  upkeep_at_last,  ///< the same after waiting in vain: takes space that segments and checkpoints may need
};

/// The files of the journal: one that is written, one that is ready to follow it, those that wait for their
/// groups to be covered by a checkpoint, spares to be used again, and the reserve. Preparing (zeroing or
/// renaming, and syncing the directory) is done ahead by the background thread, so the journal thread never
/// waits for it: when the next file is late, the current one grows.
///
/// The reserve is a spare file of at least reserve_bytes() that only upkeep may take, and only when the disk
/// gives no more. While it is not there nothing is published. So whenever publishing is refused for lack of
/// space, that many bytes of groups without messages can still be written; the next checkpoint gives a file
/// back to be the new reserve, without new space.
class JournalFiles {
 public:
  JournalFiles(base::FileSystem& files, JournalFilesOptions options);

  // --- start, one thread ---
  void set_next_generation(std::uint64_t generation) { next_generation_ = generation; }
  [[nodiscard]] std::uint64_t take_generation();
  /// Of a full-size file.
  [[nodiscard]] std::uint64_t file_bytes() const;
  /// What upkeep always finds: 32 MiB, but half a file where files are smaller.
  [[nodiscard]] std::uint64_t reserve_bytes() const;
  /// A file that waits for its groups to be covered.
  void add_full(JournalFile file);
  /// The file to write now: `file`, or a spare, or a small new one (a big one would delay the start). And the
  /// reserve, unless the disk is full.
  Result<> begin(std::optional<JournalFile> file);
  /// A new file under a temporary name; finish() makes it count. Also for the background thread.
  Result<JournalFile> create_empty();
  /// Zeros from its position on, `room` bytes; syncs, gives the final name and syncs the directory.
  Result<> finish(JournalFile& file, std::uint64_t room, const std::atomic<bool>* stop = nullptr);
  /// Or not: gives its space back.
  void abandon(JournalFile& file);
  Result<> sync_directory();

  // --- journal thread ---
  /// Makes room for a group of `bytes`. Errors: disk_full, unavailable (nothing was changed; try again
  /// later), disk_error.
  Result<> make_room(std::uint64_t bytes, RoomFor who);
  /// The reserve is used up and a checkpoint would give it back.
  [[nodiscard]] bool wants_checkpoint() const;
  /// Generation that the next write will have; after make_room().
  [[nodiscard]] std::uint64_t generation() const { return current_.generation; }
  /// Writes the group at the position and syncs. `group` is a multiple of kGroupAlignment, at an aligned
  /// address.
  Result<> write(std::span<const std::byte> group, std::uint64_t number);

  // --- background thread ---
  /// The reserve, then the next file; both are left out while the disk is too full for them.
  Result<> prepare(const std::atomic<bool>& stop);
  /// The groups up to this number are covered by a durable checkpoint: of the files that hold no others those
  /// of use are kept, and the rest is removed.
  Result<> release(std::uint64_t covered_group);

  // --- any thread ---
  /// Bytes of all files, spares too.
  [[nodiscard]] std::uint64_t bytes() const;
  /// Bytes of the files that wait for a checkpoint, and of the one that is written.
  [[nodiscard]] std::uint64_t held_bytes() const;

 private:
  Result<JournalFile> reuse_spare();
  Result<JournalFile> reuse_reserve(Error otherwise);
  Result<JournalFile> reuse(const JournalSpare& spare);
  Result<> finish(JournalFile& file, std::uint64_t capacity, Result<> filled);
  Result<> prepare_reserve();
  /// As the reserve or a spare; removes it when it is of no use.
  Result<> keep_or_remove(const JournalSpare& spare);
  Result<> prepare_next(const std::atomic<bool>& stop);
  Result<> grow(std::uint64_t bytes);
  Result<> take_reserve();
  /// With the mutex.
  void go_on_in(JournalFile file);
  /// Whether publishing would go on if so many bytes were taken from the disk.
  [[nodiscard]] bool leaves_enough(std::uint64_t bytes) const;
  Result<JournalFile> create(std::uint64_t bytes, const std::atomic<bool>* stop);
  Result<> fill_with_zeros(JournalFile& file, std::uint64_t until, const std::atomic<bool>* stop);

  base::FileSystem& files_;
  const JournalFilesOptions options_;

  JournalFile current_;  // journal thread
  std::atomic<std::uint64_t> current_capacity_{0};
  std::atomic<std::uint64_t> current_position_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t next_generation_ = 1;
  std::optional<JournalFile> next_;
  std::vector<JournalFile> full_;
  std::vector<JournalSpare> spares_;
  std::optional<JournalSpare> reserve_;
  std::uint64_t written_generation_ = 0;  ///< files of lower generations must not be written any more
};

}  // namespace geminga::storage
