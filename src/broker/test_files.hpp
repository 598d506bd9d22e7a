#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/file_system.hpp"

/// The machine's files, as a test wants them.
namespace geminga::broker::testing {

/// As they are.
class PassingFiles : public base::FileSystem {
 public:
  using Path = std::filesystem::path;
  Result<std::unique_ptr<base::File>> open(const Path& path, base::OpenOptions options) override {
    return system().open(path, options);
  }
  Result<> make_directory(const Path& path) override { return system().make_directory(path); }
  Result<> rename(const Path& from, const Path& to) override { return system().rename(from, to); }
  Result<> unlink(const Path& path) override { return system().unlink(path); }
  Result<> sync_directory(const Path& path) override { return system().sync_directory(path); }
  Result<bool> exists(const Path& path) override { return system().exists(path); }
  Result<std::vector<base::DirectoryEntry>> list(const Path& path) override { return system().list(path); }
  Result<base::DiskSpace> space(const Path& path) override { return system().space(path); }
  Result<std::unique_ptr<base::FileLock>> lock(const Path& path) override { return system().lock(path); }
};

/// Opening one to read fails while the test says so.
class RefusingFiles final : public PassingFiles {
 public:
  std::atomic<bool> refuse_reading = false;

  Result<std::unique_ptr<base::File>> open(const Path& path, base::OpenOptions options) override {
    if (refuse_reading && options.mode == base::OpenMode::read)
      return fail(ErrorCode::disk_error, "too many open files");
    return system().open(path, options);
  }
};

/// While it is held nothing becomes durable.
class HeldFiles final : public PassingFiles {
 public:
  ~HeldFiles() override { release(); }
  void hold() { set(true); }
  void release() { set(false); }
  /// Somebody waits for it; false: nobody came.
  bool reached(std::chrono::seconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return waiting_ > 0; });
  }

  Result<std::unique_ptr<base::File>> open(const Path& path, base::OpenOptions options) override {
    auto opened = system().open(path, options);
    if (opened) *opened = std::make_unique<HeldFile>(*this, std::move(*opened));
    return opened;
  }

 private:
  class HeldFile final : public base::File {
   public:
    HeldFile(HeldFiles& files, std::unique_ptr<base::File> file) : files_(files), file_(std::move(file)) {}
    Result<> sync_data() override {
      files_.wait();
      return file_->sync_data();
    }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
      return file_->read_at(offset, into);
    }
    Result<> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
      return file_->write_at(offset, bytes);
    }
    Result<> preallocate(std::uint64_t offset, std::uint64_t bytes) override {
      return file_->preallocate(offset, bytes);
    }
    Result<> truncate(std::uint64_t bytes) override { return file_->truncate(bytes); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<> drop_cache() override { return file_->drop_cache(); }

   private:
    HeldFiles& files_;
    const std::unique_ptr<base::File> file_;
  };

  void set(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    waiting_ += 1;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    waiting_ -= 1;
  }

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool held_ = false;
  int waiting_ = 0;
};

}  // namespace geminga::broker::testing
