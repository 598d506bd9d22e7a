#include "storage/directory.hpp"

#include <algorithm>
#include <charconv>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/make_directories.hpp"
#include "base/try.hpp"
#include "base/uuid.hpp"

namespace geminga::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLockFile = "LOCK";
constexpr std::string_view kFirstLine = "geminga data directory";

struct Format {
  std::uint32_t version = 0;
  std::string uuid;
};

std::string format_text(const std::string& uuid) {
  return fmt::format("{}\nformat {}\nuuid {}\n", kFirstLine, kDirectoryFormat, uuid);
}

/// The value of "key value" lines; empty when the key is not there.
std::string_view value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
      return line.substr(key.size() + 1);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return {};
}

Result<Format> parse_format(const fs::path& path, std::string_view text) {
  const auto damaged = [&] {
    return fail(
        ErrorCode::corrupted,
        fmt::format("'{}' cannot be read as a format file of Geminga; restore it from a backup, or use "
                    "another --data-dir",
                    path.string()));
  };
  if (!text.starts_with(kFirstLine)) return damaged();
  Format format;
  const std::string_view version = value_of(text, "format");
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), format.version);
  if (error != std::errc{} || end != version.data() + version.size()) return damaged();
  if (format.version > kDirectoryFormat)
    return fail(
        ErrorCode::format_too_new,
        fmt::format(
            "'{}' has format {}, this program knows formats up to {}; nothing was changed; use a newer "
            "geminga, or another --data-dir",
            path.parent_path().string(), format.version, kDirectoryFormat));
  format.uuid = value_of(text, "uuid");
  if (!base::is_uuid(format.uuid)) return damaged();
  return format;
}

Error held_by(base::FileSystem& files, const fs::path& directory) {
  const std::string text = base::read_file(files, directory / kLockFile).value_or("");
  const std::string_view pid = value_of(text, "pid");
  const std::string_view addresses = value_of(text, "addresses");
  return {ErrorCode::directory_locked,
          fmt::format(
              "the data directory '{}' is held by process {}{}{}; talk to it with --server, stop it, or use "
              "another --data-dir",
              directory.string(), pid.empty() ? "(unknown)" : pid,
              addresses.empty() ? "" : ", which listens at ", addresses)};
}

Error not_writable(const fs::path& directory, const Error& cause) {
  return {cause.code == ErrorCode::disk_full ? ErrorCode::disk_full : ErrorCode::disk_error,
          fmt::format(
              "the data directory '{}' cannot be used: {}; give this user the right to write there, or use "
              "another --data-dir",
              directory.string(), cause.message)};
}

/// Made by a run that died before FORMAT was there, or by the file system itself.
bool harmless(const std::string& name) {
  return name == kLockFile || name == kFormatFile || name == "FORMAT.tmp" || name == "lost+found";
}

}  // namespace

Result<bool> being_copied(base::FileSystem& files, const fs::path& directory) {
  // Who copies takes the lock first and reads the checkpoint then: either we see the lock, or the checkpoint
  // that it reads is the one that is durable now.
  GEMINGA_TRY(const bool there, files.exists(directory / kBackupFile));
  if (!there) return false;
  const auto lock = files.lock(directory / kBackupFile);
  if (lock) return false;
  if (lock.error().code == ErrorCode::directory_locked) return true;
  return std::unexpected(lock.error());
}

class DataDirectory::Impl {
 public:
  Impl(base::FileSystem& files, fs::path path) : files_(files), path_(std::move(path)) {}

  Result<> acquire() {
    GEMINGA_TRY(const bool there, in_words(files_.exists(path_)));
    if (!there) GEMINGA_TRY_VOID(in_words(base::make_directories(files_, path_)));
    // A newer directory is refused before anything in it is touched.
    GEMINGA_TRY_VOID(read_format());
    GEMINGA_TRY_VOID(lock());
    GEMINGA_TRY_VOID(read_format());  // somebody else may have made it meanwhile
    if (uuid_.empty()) GEMINGA_TRY_VOID(write_format());
    return announce("");
  }

  Result<> inspect() {
    GEMINGA_TRY_VOID(find());
    return lock();
  }

  Result<> find() {
    GEMINGA_TRY(const bool there, files_.exists(path_ / kFormatFile));
    if (!there)
      return fail(ErrorCode::not_found, fmt::format("'{}' is no data directory of Geminga: it has no file {}",
                                                    path_.string(), kFormatFile));
    return read_format();
  }

  Result<> announce(const std::string& addresses) {
    std::string text = fmt::format("pid {}\n", ::getpid());
    if (!addresses.empty()) text += fmt::format("addresses {}\n", addresses);
    GEMINGA_TRY(const auto file, in_words(files_.open(path_ / kLockFile, {.mode = base::OpenMode::write})));
    auto told = file->truncate(0);
    if (told) told = file->write_at(0, std::as_bytes(std::span(text)));
    if (told || told.error().code != ErrorCode::disk_full) return in_words(std::move(told));
    // The right to the directory is the kernel's lock; what stands in the file is for people.
    log::warn("storage", "{}; whoever comes second is not told who holds '{}'", told.error().message,
              path_.string());
    return {};
  }

  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] const std::string& uuid() const { return uuid_; }
  [[nodiscard]] bool fresh() const { return fresh_; }

 private:
  template <class T>
  Result<T> in_words(Result<T> result) const {
    if (result) return result;
    return std::unexpected(not_writable(path_, result.error()));
  }

  Result<> read_format() {
    const fs::path path = path_ / kFormatFile;
    GEMINGA_TRY(const bool there, in_words(files_.exists(path)));
    if (there) {
      GEMINGA_TRY(const std::string text, in_words(base::read_file(files_, path)));
      GEMINGA_TRY(const Format format, parse_format(path, text));
      uuid_ = format.uuid;
    }
    GEMINGA_TRY(const auto entries, in_words(files_.list(path_)));
    fresh_ = std::all_of(entries.begin(), entries.end(),
                         [](const base::DirectoryEntry& entry) { return harmless(entry.name); });
    for (const base::DirectoryEntry& entry : entries) {
      if (there || harmless(entry.name)) continue;
      return fail(
          ErrorCode::corrupted,
          fmt::format("'{}' is not empty (it has '{}') and is no data directory of Geminga: it has no FORMAT "
                      "file; use another --data-dir",
                      path_.string(), entry.name));
    }
    return {};
  }

  Result<> lock() {
    auto lock = files_.lock(path_ / kLockFile);
    if (!lock && lock.error().code == ErrorCode::directory_locked)
      return std::unexpected(held_by(files_, path_));
    GEMINGA_TRY(lock_, in_words(std::move(lock)));
    return {};
  }

  Result<> write_format() {
    const std::string uuid = base::random_uuid();
    GEMINGA_TRY_VOID(in_words(base::replace_file(files_, path_ / kFormatFile, format_text(uuid))));
    uuid_ = uuid;
    return {};
  }

  base::FileSystem& files_;
  const fs::path path_;
  std::unique_ptr<base::FileLock> lock_;
  std::string uuid_;
  bool fresh_ = false;
};

DataDirectory::DataDirectory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DataDirectory::~DataDirectory() = default;

Result<std::unique_ptr<DataDirectory>> DataDirectory::acquire(base::FileSystem& files, const fs::path& path) {
  if (path.empty())
    return fail(ErrorCode::invalid_argument,
                "the path of the data directory is empty; name one, e.g. ./geminga-data");
  // A trailing slash would make the directory its own parent.
  auto impl = std::make_unique<Impl>(files, path.has_filename() ? path : path.parent_path());
  GEMINGA_TRY_VOID(impl->acquire());
  return std::unique_ptr<DataDirectory>(new DataDirectory(std::move(impl)));
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::inspect(base::FileSystem& files, const fs::path& path) {
  auto impl = std::make_unique<Impl>(files, path);
  GEMINGA_TRY_VOID(impl->inspect());
  return std::unique_ptr<DataDirectory>(new DataDirectory(std::move(impl)));
}

Result<std::string> DataDirectory::uuid_of(base::FileSystem& files, const fs::path& path) {
  Impl impl(files, path);
  GEMINGA_TRY_VOID(impl.find());
  return impl.uuid();
}

const fs::path& DataDirectory::path() const {
  return impl_->path();
}
const std::string& DataDirectory::uuid() const {
  return impl_->uuid();
}
bool DataDirectory::fresh() const {
  return impl_->fresh();
}
Result<> DataDirectory::announce(const std::string& addresses) {
  return impl_->announce(addresses);
}

}  // namespace geminga::storage
