#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.hpp"

namespace geminga::base {

/// A file system in memory that knows what was synced and can lose the rest. Tests only. Fault model:
///  - a write, truncation or reservation of a file is volatile until sync_data() of that file;
///  - a name that was made, renamed or removed is volatile until sync_directory() of its directory, also when
///    the file itself was synced; names become durable in the order of the calls;
///  - a crash keeps what is durable and, as Loss says, none, a part in order, or any part of the volatile
///  rest,
///    writes torn at sectors of 512 bytes;
///  - operation number n may fail, or may be the last thing before the power goes.
/// Reads see everything, as the page cache does. Any thread.
class FaultFileSystem final : public FileSystem {
 public:
  enum class Loss : std::uint8_t {
    nothing,     ///< the process was killed, the machine goes on
    everything,  ///< all that is volatile
    tail,        ///< a random number of the last volatile changes of each file, and of the names
    torn,        ///< random volatile sectors of each file; names as in `tail`
    names,       ///< volatile names only; the files' content survives
  };

  FaultFileSystem();
  ~FaultFileSystem() override;

  // FileSystem
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenOptions options) override;
  Result<> make_directory(const std::filesystem::path& path) override;
  Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<> unlink(const std::filesystem::path& path) override;
  Result<> sync_directory(const std::filesystem::path& path) override;
  Result<bool> exists(const std::filesystem::path& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override;
  Result<DiskSpace> space(const std::filesystem::path& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) override;

  /// The disk as it is after a crash now.
  [[nodiscard]] std::unique_ptr<FaultFileSystem> crash(Loss loss, std::uint64_t seed) const;

  /// Changing calls and syncs so far.
  [[nodiscard]] std::uint64_t operations() const;
  /// What reads have brought so far.
  [[nodiscard]] std::uint64_t bytes_read() const;
  /// From operation `number` on (counted from 1) nothing reaches the disk and every call fails.
  void stop_at(std::uint64_t number);
  /// Operation `number` fails with `code`, once. A sync that fails keeps the changes volatile for ever.
  void fail_at(std::uint64_t number, ErrorCode code);
  /// What opens a file or a directory, or only this one, fails with `code` from now on; nothing: no more.
  void refuse_opening(std::optional<ErrorCode> code, std::filesystem::path only = {});
  /// How often that was met.
  [[nodiscard]] std::uint64_t refused_openings() const;
  /// Reading this file fails with disk_error from now on, as a sector that is lost does.
  void refuse_reading(const std::filesystem::path& path);
  /// Writes that would need more fail with disk_full.
  void set_capacity(std::uint64_t bytes);
  /// Content as it is read now; empty when there is no such file.
  [[nodiscard]] std::string content(const std::filesystem::path& path) const;
  /// Puts a file there, durable.
  void put(const std::filesystem::path& path, std::string content);

 private:
  friend class FaultFile;
  struct Inode;
  struct NameChange {
    std::string removed;  ///< empty: none
    std::string added;    ///< empty: none
    std::shared_ptr<Inode> inode;
  };
  Result<> count_operation();
  Result<> need_space(const Inode& inode, std::uint64_t size) const;
  [[nodiscard]] std::uint64_t used() const;
  Result<> may_open(const std::filesystem::path& path);
  [[nodiscard]] std::shared_ptr<Inode> find(const std::filesystem::path& path) const;

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, std::shared_ptr<Inode>> names_;
  std::map<std::string, std::shared_ptr<Inode>> durable_names_;
  std::vector<NameChange> volatile_names_;
  std::set<std::string> directories_;
  std::shared_ptr<std::set<std::string>> locks_;
  std::uint64_t operations_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t stop_at_ = std::numeric_limits<std::uint64_t>::max();
  std::map<std::uint64_t, ErrorCode> failures_;
  std::optional<ErrorCode> refused_opening_;
  std::filesystem::path refused_only_;
  std::uint64_t refused_openings_ = 0;
  std::uint64_t capacity_ = std::numeric_limits<std::uint64_t>::max() / 4;
};

}  // namespace geminga::base
