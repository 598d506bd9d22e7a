#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <geminga/error.hpp>

namespace geminga::base {
class FileSystem;
}

namespace geminga::storage {

inline constexpr std::uint32_t kDirectoryFormat = 1;
inline constexpr char kFormatFile[] = "FORMAT";
inline constexpr char kMetadataFile[] = "metadata.db";
/// Says that the last close was complete and the journal holds nothing new.
inline constexpr char kCleanFile[] = "CLEAN";
/// Locked by who copies the files of a directory that another process uses: as long as it is, nothing that
/// the last checkpoint needs is removed or used again.
inline constexpr char kBackupFile[] = "BACKUP";
/// Whether somebody does. Errors: it cannot be found out; then somebody may.
Result<bool> being_copied(base::FileSystem& files, const std::filesystem::path& directory);

/// The right to a data directory: flock on its LOCK file, released by the kernel when the process ends,
/// whatever way. The file FORMAT holds the format number and the directory's UUID; a directory without it
/// must be empty.
class DataDirectory {
 public:
  /// Makes the directory (mode 0700) when it is missing. Errors: directory_locked (by which pid, at which
  /// addresses, and what to do), format_too_new (nothing was touched), corrupted (files but no FORMAT),
  /// disk_error (not writable, with the remedy).
  static Result<std::unique_ptr<DataDirectory>> acquire(base::FileSystem& files,
                                                        const std::filesystem::path& path);
  /// The same right to one that is there, and nothing is written but the lock. Errors: not_found,
  /// directory_locked, format_too_new, corrupted, disk_error.
  static Result<std::unique_ptr<DataDirectory>> inspect(base::FileSystem& files,
                                                        const std::filesystem::path& path);
  /// The UUID of one that somebody else may hold. Errors: as inspect(), without directory_locked.
  static Result<std::string> uuid_of(base::FileSystem& files, const std::filesystem::path& path);
  ~DataDirectory();

  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] const std::string& uuid() const;
  [[nodiscard]] bool fresh() const;  ///< nothing was ever stored in it
  /// Written into LOCK beside the pid, for the message to whoever comes second.
  Result<> announce(const std::string& addresses);

 private:
  class Impl;
  explicit DataDirectory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace geminga::storage
