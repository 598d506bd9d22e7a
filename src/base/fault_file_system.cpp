#include "base/fault_file_system.hpp"

#include <algorithm>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::base {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kSectorBytes = 512;

}  // namespace

struct FaultFileSystem::Inode {
  struct Change {
    std::uint64_t offset = 0;
    std::string bytes;           ///< what was written; empty for a new size
    std::uint64_t new_size = 0;  ///< of the file after it
  };
  std::string content;  ///< as it is read
  std::string durable;
  std::vector<Change> changes;  ///< between the two, in order
  bool lost_sync = false;       ///< a sync failed: nothing becomes durable any more
  bool unreadable = false;

  static void apply(const Change& change, std::string& to) {
    to.resize(change.bytes.empty() ? change.new_size : std::max<std::size_t>(to.size(), change.new_size),
              '\0');
    if (!change.bytes.empty())
      std::memcpy(to.data() + change.offset, change.bytes.data(), change.bytes.size());
  }
  void change(Change one) {
    apply(one, content);
    changes.push_back(std::move(one));
  }
};

class FaultFile final : public File {
 public:
  FaultFile(FaultFileSystem& files, std::shared_ptr<FaultFileSystem::Inode> inode, fs::path path)
      : files_(files), inode_(std::move(inode)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    const std::lock_guard lock(files_.mutex_);
    if (inode_->unreadable) return fail(ErrorCode::disk_error, fmt::format("read '{}'", path_.string()));
    if (into.empty() || offset >= inode_->content.size()) return std::size_t{0};
    const std::size_t bytes = std::min<std::size_t>(into.size(), inode_->content.size() - offset);
    std::memcpy(into.data(), inode_->content.data() + offset, bytes);
    files_.bytes_read_ += bytes;
    return bytes;
  }

  Result<> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const std::lock_guard lock(files_.mutex_);
    GEMINGA_TRY_VOID(files_.count_operation());
    const std::uint64_t end = offset + bytes.size();
    GEMINGA_TRY_VOID(files_.need_space(*inode_, end));
    inode_->change({.offset = offset,
                    .bytes = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                    .new_size = end});
    return {};
  }

  Result<> sync_data() override {
    const std::lock_guard lock(files_.mutex_);
    if (auto counted = files_.count_operation(); !counted) {
      inode_->lost_sync = true;
      return counted;
    }
    if (inode_->lost_sync) return {};  // the kernel says so, and forgets
    for (const auto& change : inode_->changes) FaultFileSystem::Inode::apply(change, inode_->durable);
    inode_->changes.clear();
    return {};
  }

  Result<> preallocate(std::uint64_t offset, std::uint64_t bytes) override {
    const std::lock_guard lock(files_.mutex_);
    GEMINGA_TRY_VOID(files_.count_operation());
    const std::uint64_t end = std::max<std::uint64_t>(offset + bytes, inode_->content.size());
    GEMINGA_TRY_VOID(files_.need_space(*inode_, end));
    inode_->change({.offset = 0, .bytes = {}, .new_size = end});
    return {};
  }

  Result<> truncate(std::uint64_t bytes) override {
    const std::lock_guard lock(files_.mutex_);
    GEMINGA_TRY_VOID(files_.count_operation());
    inode_->change({.offset = 0, .bytes = {}, .new_size = bytes});
    return {};
  }

  Result<std::uint64_t> size() override {
    const std::lock_guard lock(files_.mutex_);
    return inode_->content.size();
  }

  Result<> drop_cache() override { return {}; }

 private:
  FaultFileSystem& files_;
  const std::shared_ptr<FaultFileSystem::Inode> inode_;
  const fs::path path_;
};

namespace {

class FaultLock final : public FileLock {
 public:
  FaultLock(std::shared_ptr<std::set<std::string>> locks, std::string path)
      : locks_(std::move(locks)), path_(std::move(path)) {}
  ~FaultLock() override { locks_->erase(path_); }

 private:
  const std::shared_ptr<std::set<std::string>> locks_;
  const std::string path_;
};

}  // namespace

FaultFileSystem::FaultFileSystem() : locks_(std::make_shared<std::set<std::string>>()) {}
FaultFileSystem::~FaultFileSystem() = default;

std::shared_ptr<FaultFileSystem::Inode> FaultFileSystem::find(const fs::path& path) const {
  const auto found = names_.find(path.string());
  return found == names_.end() ? nullptr : found->second;
}

Result<> FaultFileSystem::count_operation() {
  ++operations_;
  if (operations_ >= stop_at_) return fail(ErrorCode::disk_error, "the power is gone");
  if (const auto failure = failures_.find(operations_); failure != failures_.end())
    return fail(failure->second, fmt::format("operation {} fails", operations_));
  return {};
}

std::uint64_t FaultFileSystem::used() const {
  std::set<const Inode*> inodes;
  std::uint64_t bytes = 0;
  for (const auto& [name, inode] : names_) {
    if (inodes.insert(inode.get()).second) bytes += inode->content.size();
  }
  return bytes;
}

Result<> FaultFileSystem::need_space(const Inode& inode, std::uint64_t size) const {
  if (size <= inode.content.size()) return {};
  if (used() + size - inode.content.size() > capacity_)
    return fail(ErrorCode::disk_full, "no space left on device");
  return {};
}

Result<> FaultFileSystem::may_open(const fs::path& path) {
  if (!refused_opening_ || (!refused_only_.empty() && refused_only_ != path)) return {};
  ++refused_openings_;
  return fail(*refused_opening_, fmt::format("open '{}'", path.string()));
}

Result<std::unique_ptr<File>> FaultFileSystem::open(const fs::path& path, OpenOptions options) {
  const std::lock_guard lock(mutex_);
  auto inode = find(path);
  const bool creates = options.mode == OpenMode::create || options.mode == OpenMode::create_or_trim;
  if (inode == nullptr && !creates)
    return fail(ErrorCode::not_found, fmt::format("open '{}': no such file", path.string()));
  if (inode != nullptr && options.mode == OpenMode::create)
    return fail(ErrorCode::disk_error, fmt::format("open '{}': it exists", path.string()));
  GEMINGA_TRY_VOID(may_open(path));
  if (creates) {
    GEMINGA_TRY_VOID(count_operation());
    if (inode == nullptr) {
      inode = std::make_shared<Inode>();
      names_[path.string()] = inode;
      volatile_names_.push_back({.removed = {}, .added = path.string(), .inode = inode});
    } else {
      inode->change({.offset = 0, .bytes = {}, .new_size = 0});
    }
  }
  return std::make_unique<FaultFile>(*this, std::move(inode), path);
}

Result<> FaultFileSystem::make_directory(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  directories_.insert(path.string());
  return {};
}

Result<> FaultFileSystem::rename(const fs::path& from, const fs::path& to) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(count_operation());
  const auto inode = find(from);
  if (inode == nullptr)
    return fail(ErrorCode::not_found, fmt::format("rename '{}': no such file", from.string()));
  names_.erase(from.string());
  names_[to.string()] = inode;
  volatile_names_.push_back({.removed = from.string(), .added = to.string(), .inode = inode});
  return {};
}

Result<> FaultFileSystem::unlink(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(count_operation());
  if (names_.erase(path.string()) == 0)
    return fail(ErrorCode::not_found, fmt::format("remove '{}': no such file", path.string()));
  volatile_names_.push_back({.removed = path.string(), .added = {}, .inode = nullptr});
  return {};
}

Result<> FaultFileSystem::sync_directory(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(may_open(path));
  GEMINGA_TRY_VOID(count_operation());
  durable_names_ = names_;
  volatile_names_.clear();
  return {};
}

Result<bool> FaultFileSystem::exists(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  return find(path) != nullptr || directories_.contains(path.string());
}

Result<std::vector<DirectoryEntry>> FaultFileSystem::list(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, inode] : names_) {
    if (fs::path(name).parent_path() == path) entries.push_back({fs::path(name).filename().string(), false});
  }
  return entries;
}

Result<DiskSpace> FaultFileSystem::space(const fs::path&) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t taken = used();
  return DiskSpace{.total_bytes = capacity_, .free_bytes = taken > capacity_ ? 0 : capacity_ - taken};
}

Result<std::unique_ptr<FileLock>> FaultFileSystem::lock(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY_VOID(may_open(path));
  if (!locks_->insert(path.string()).second)
    return fail(ErrorCode::directory_locked, fmt::format("'{}' is locked", path.string()));
  if (!names_.contains(path.string())) {
    names_[path.string()] = std::make_shared<Inode>();
    volatile_names_.push_back({.removed = {}, .added = path.string(), .inode = names_[path.string()]});
  }
  return std::make_unique<FaultLock>(locks_, path.string());
}

std::unique_ptr<FaultFileSystem> FaultFileSystem::crash(Loss loss, std::uint64_t seed) const {
  std::mt19937_64 random(seed);
  const auto up_to = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
  };
  auto image = std::make_unique<FaultFileSystem>();
  const std::lock_guard lock(mutex_);
  image->directories_ = directories_;
  auto names = durable_names_;
  std::size_t kept_names = 0;
  if (loss == Loss::nothing) kept_names = volatile_names_.size();
  if (loss == Loss::tail || loss == Loss::torn) kept_names = up_to(volatile_names_.size());
  for (std::size_t i = 0; i < kept_names; ++i) {
    const NameChange& change = volatile_names_[i];
    if (!change.removed.empty()) names.erase(change.removed);
    if (!change.added.empty()) names[change.added] = change.inode;
  }
  for (const auto& [name, inode] : names) {
    std::string survived = inode->durable;
    std::size_t kept = 0;
    if (loss == Loss::nothing || loss == Loss::names) kept = inode->changes.size();
    if (loss == Loss::tail) kept = up_to(inode->changes.size());
    for (std::size_t i = 0; i < kept; ++i) Inode::apply(inode->changes[i], survived);
    if (loss == Loss::torn) {
      for (const auto& change : inode->changes) {
        if (change.bytes.empty()) {
          if (up_to(1) == 1) Inode::apply(change, survived);
          continue;
        }
        for (std::size_t at = 0; at < change.bytes.size(); at += kSectorBytes) {
          if (up_to(1) == 0) continue;
          const std::string sector = change.bytes.substr(at, kSectorBytes);
          Inode::apply(
              {.offset = change.offset + at, .bytes = sector, .new_size = change.offset + at + sector.size()},
              survived);
        }
      }
    }
    auto copy = std::make_shared<Inode>();
    copy->content = survived;
    copy->durable = std::move(survived);
    image->names_[name] = copy;
  }
  image->durable_names_ = image->names_;
  return image;
}

std::uint64_t FaultFileSystem::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

std::uint64_t FaultFileSystem::bytes_read() const {
  const std::lock_guard lock(mutex_);
  return bytes_read_;
}

void FaultFileSystem::stop_at(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  stop_at_ = number;
}

void FaultFileSystem::fail_at(std::uint64_t number, ErrorCode code) {
  const std::lock_guard lock(mutex_);
  failures_[number] = code;
}

void FaultFileSystem::refuse_opening(std::optional<ErrorCode> code, fs::path only) {
  const std::lock_guard lock(mutex_);
  refused_only_ = std::move(only);
  refused_opening_ = code;
}

std::uint64_t FaultFileSystem::refused_openings() const {
  const std::lock_guard lock(mutex_);
  return refused_openings_;
}

void FaultFileSystem::refuse_reading(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  find(path)->unreadable = true;
}

void FaultFileSystem::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

std::string FaultFileSystem::content(const fs::path& path) const {
  const std::lock_guard lock(mutex_);
  const auto inode = find(path);
  return inode == nullptr ? std::string() : inode->content;
}

void FaultFileSystem::put(const fs::path& path, std::string content) {
  const std::lock_guard lock(mutex_);
  auto inode = std::make_shared<Inode>();
  inode->content = content;
  inode->durable = std::move(content);
  names_[path.string()] = inode;
  durable_names_[path.string()] = inode;
}

}  // namespace geminga::base
