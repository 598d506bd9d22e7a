#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file_system.hpp"
#include "base/try.hpp"

namespace geminga::base {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> failed(const char* what, const fs::path& path, int error) {
  const ErrorCode code = error == ENOSPC || error == EDQUOT ? ErrorCode::disk_full
                         : error == ENOENT                  ? ErrorCode::not_found
                                                            : ErrorCode::disk_error;
  return fail(code, fmt::format("{} '{}': {}", what, path.string(), std::strerror(error)));
}

/// Of a call that gives a descriptor: that there is none now says nothing about the disk.
std::unexpected<Error> not_opened(const char* what, const fs::path& path, int error) {
  if (error != EMFILE && error != ENFILE && error != ENOMEM) return failed(what, path, error);
  return fail(ErrorCode::unavailable, fmt::format("{} '{}': {}", what, path.string(), std::strerror(error)));
}

/// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, fs::path path, bool direct) : fd_(fd), path_(std::move(path)), direct_(direct) {}
  ~PosixFile() override { ::close(fd_); }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto got = uninterrupted([&] {
        return ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      });
      if (got < 0) return failed("read", path_, errno);
      done += static_cast<std::size_t>(got);
      if (got == 0) break;
      // Direct input gives whole blocks but at the end of the file, and could not go on from there. Through
      // the page cache a short piece also stands in front of what cannot be read: that shows when it goes on.
      if (direct_ && got % static_cast<ssize_t>(kDirectAlignment) != 0) break;
    }
    return done;
  }

  Result<> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const auto put = uninterrupted([&] {
        return ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      });
      if (put < 0) return failed("write", path_, errno);
      if (put == 0) return failed("write", path_, EIO);
      done += static_cast<std::size_t>(put);
    }
    return {};
  }

  Result<> sync_data() override {
    // Not repeated on EINTR: after any error the state of the pages is unknown.
    if (::fdatasync(fd_) != 0) return failed("fdatasync", path_, errno);
    return {};
  }

  Result<> preallocate(std::uint64_t offset, std::uint64_t bytes) override {
    const int error = uninterrupted(
        [&] { return ::fallocate(fd_, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)); });
    if (error == 0) return {};
    if (errno != EOPNOTSUPP) return failed("reserve space in", path_, errno);
    return grow_by_writing(offset + bytes);
  }

  Result<> truncate(std::uint64_t bytes) override {
    if (uninterrupted([&] { return ::ftruncate(fd_, static_cast<off_t>(bytes)); }) != 0)
      return failed("truncate", path_, errno);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return failed("stat", path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<> drop_cache() override {
    if (const int error = ::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED); error != 0)
      return failed("drop the cached pages of", path_, error);
    return {};
  }

 private:
  Result<> grow_by_writing(std::uint64_t until) {
    GEMINGA_TRY(std::uint64_t at, size());
    alignas(kDirectAlignment) static constexpr std::byte kZeros[64 << 10]{};
    while (at < until) {
      const std::uint64_t piece = std::min<std::uint64_t>(sizeof kZeros, until - at);
      GEMINGA_TRY_VOID(write_at(at, std::span(kZeros, piece)));
      at += piece;
    }
    return {};
  }

  const int fd_;
  const fs::path path_;
  const bool direct_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { ::close(fd_); }

 private:
  const int fd_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::create_or_trim:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const fs::path& path, OpenOptions options) override {
    const int flags = flags_of(options.mode) | O_CLOEXEC;
    bool direct = options.direct;
    int fd = uninterrupted([&] { return ::open(path.c_str(), direct ? flags | O_DIRECT : flags, 0600); });
    if (fd < 0 && errno == EINVAL && direct) {
      direct = false;
      // Some file systems refuse O_DIRECT only after they have made the file.
      fd = uninterrupted([&] { return ::open(path.c_str(), flags & ~O_EXCL, 0600); });
    }
    if (fd < 0) return not_opened("open", path, errno);
    return std::make_unique<PosixFile>(fd, path, direct);
  }

  Result<> make_directory(const fs::path& path) override {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("make directory", path, errno);
    return {};
  }

  Result<> rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
    return {};
  }

  Result<> unlink(const fs::path& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove", path, errno);
    return {};
  }

  Result<> sync_directory(const fs::path& path) override {
    const fs::path real = path.empty() ? fs::path(".") : path;
    const int fd = uninterrupted([&] { return ::open(real.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return not_opened("open directory", real, errno);
    const int result = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (result != 0) return failed("fsync directory", real, error);
    return {};
  }

  Result<bool> exists(const fs::path& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed("stat", path, errno);
  }

  Result<std::vector<DirectoryEntry>> list(const fs::path& path) override {
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) return not_opened("list", path, errno);
    std::vector<DirectoryEntry> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") entries.push_back({name, entry->d_type == DT_DIR});
      errno = 0;
    }
    const int error = errno;
    ::closedir(dir);
    if (error != 0) return failed("list", path, error);
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
  }

  Result<DiskSpace> space(const fs::path& path) override {
    struct statvfs info{};
    if (::statvfs(path.c_str(), &info) != 0) return failed("ask for the free space of", path, errno);
    return DiskSpace{.total_bytes = info.f_blocks * info.f_frsize,
                     .free_bytes = info.f_bavail * info.f_frsize};
  }

  Result<std::unique_ptr<FileLock>> lock(const fs::path& path) override {
    // Readable for all, and reading is enough for a lock: what root made while it copied does not shut us
    // out.
    int fd = uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644); });
    if (fd < 0 && errno == EACCES)
      fd = uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (fd < 0) return not_opened("open", path, errno);
    if (uninterrupted([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) == 0)
      return std::make_unique<PosixLock>(fd);
    const int error = errno;
    ::close(fd);
    if (error == EWOULDBLOCK)
      return fail(ErrorCode::directory_locked, fmt::format("'{}' is locked", path.string()));
    return failed("lock", path, error);
  }
};

}  // namespace

FileSystem& FileSystem::system() {
  // Never destroyed: a static object of the program may hold a bus, which closes when that goes.
  static PosixFileSystem& instance = *new PosixFileSystem;
  return instance;
}

}  // namespace geminga::base
