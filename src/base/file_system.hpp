#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <geminga/error.hpp>

namespace geminga::base {

/// Offsets, lengths and addresses of a file that is open for direct input and output are multiples of this.
inline constexpr std::size_t kDirectAlignment = 4096;

/// An open file. Reads may run beside writes on other threads; writes of one file come from one thread.
/// Errors of every call: disk_full (no space left), disk_error (all else; the text names the file and the
/// cause). A failed write or sync leaves the content of the touched range unknown.
class File {
 public:
  virtual ~File() = default;
  /// Fills `into` from `offset`; fewer bytes only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual Result<> write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// fdatasync: content and what is needed to find it again. Never repeat it after an error: the kernel may
  /// have forgotten what it could not write.
  virtual Result<> sync_data() = 0;
  /// Reserves space without changing what is read; the size grows where it must.
  virtual Result<> preallocate(std::uint64_t offset, std::uint64_t bytes) = 0;
  virtual Result<> truncate(std::uint64_t bytes) = 0;
  virtual Result<std::uint64_t> size() = 0;
  /// Asks the kernel to forget its clean copies, so that the next read comes from the disk.
  virtual Result<> drop_cache() = 0;
};

enum class OpenMode : std::uint8_t {
  read,            ///< must exist
  write,           ///< must exist; reads too
  create,          ///< must not exist; reads too
  create_or_trim,  ///< made, or cut to nothing; reads too
};

struct OpenOptions {
  OpenMode mode = OpenMode::read;
  /// Around the page cache where the file system can, through it where it cannot. See kDirectAlignment.
  bool direct = false;
};

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< for unprivileged programs
};

struct DirectoryEntry {
  std::string name;
  bool directory = false;
};

/// A lock that ends with this object or with the process, whatever way it ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// The seam between the storage and the operating system. Any thread. Further errors: not_found where a path
/// does not exist; unavailable where no file can be opened now (too many are open): it says nothing about the
/// disk, and passes.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// Files are made with mode 0600.
  virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenOptions options) = 0;
  /// One level, mode 0700; fine when it is there already.
  virtual Result<> make_directory(const std::filesystem::path& path) = 0;
  /// Replaces `to`.
  virtual Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual Result<> unlink(const std::filesystem::path& path) = 0;
  /// Names made, changed or removed in it so far survive a power cut afterwards.
  virtual Result<> sync_directory(const std::filesystem::path& path) = 0;
  virtual Result<bool> exists(const std::filesystem::path& path) = 0;
  /// Sorted by name.
  virtual Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) = 0;
  virtual Result<DiskSpace> space(const std::filesystem::path& path) = 0;
  /// Makes the file, mode 0644, when it is missing. Errors: directory_locked (another open lock, in whatever
  /// process).
  virtual Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) = 0;

  /// The one of the machine; lives for ever.
  static FileSystem& system();
};

/// Small files, whole.
Result<std::string> read_file(FileSystem& files, const std::filesystem::path& path);

/// Puts `content` at `path` so that after a crash either the old content or all of the new one is there:
/// temporary name, sync, rename, sync of the directory (without the last one, the old content may come back).
Result<> replace_file(FileSystem& files, const std::filesystem::path& path, std::string_view content,
                      bool sync_directory = true);

}  // namespace geminga::base
