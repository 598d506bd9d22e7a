#include "storage/journal_files.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/try.hpp"
#include "storage/aligned_buffer.hpp"
#include "storage/journal_format.hpp"

namespace geminga::storage {
namespace {

constexpr std::string_view kPrefix = "journal-";
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kDigits = 16;
constexpr std::uint64_t kFirstPieceBytes = 1ULL << 20;
constexpr std::uint64_t kGrowthBytes = 1ULL << 20;
constexpr std::uint64_t kZeroPieceBytes = 1ULL << 20;
constexpr std::uint64_t kSyncEveryBytes = 8ULL << 20;  // so that no single sync of ours holds up the disk
constexpr std::size_t kSparesMax = 2;

std::filesystem::path temporary_name(std::filesystem::path path) {
  path += ".tmp";
  return path;
}

}  // namespace

std::string journal_file_name(std::uint64_t generation) {
  return fmt::format("{}{:016x}{}", kPrefix, generation, kSuffix);
}

std::optional<std::uint64_t> journal_generation(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size() || !name.starts_with(kPrefix) ||
      !name.ends_with(kSuffix))
    return std::nullopt;
  std::uint64_t generation = 0;
  const char* first = name.data() + kPrefix.size();
  const auto [end, error] = std::from_chars(first, first + kDigits, generation, 16);
  if (error != std::errc{} || end != first + kDigits) return std::nullopt;
  return generation;
}

JournalFiles::JournalFiles(base::FileSystem& files, JournalFilesOptions options)
    : files_(files), options_(std::move(options)) {}

std::uint64_t JournalFiles::file_bytes() const {
  return round_up(options_.file_bytes, kGroupAlignment);
}

std::uint64_t JournalFiles::take_generation() {
  const std::lock_guard lock(mutex_);
  return next_generation_++;
}

void JournalFiles::add_spare(std::filesystem::path path, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  spares_.push_back({std::move(path), bytes});
}

void JournalFiles::add_full(JournalFile file) {
  const std::lock_guard lock(mutex_);
  full_.push_back(std::move(file));
}

Result<> JournalFiles::sync_directory() {
  if (options_.no_dirsync) return {};
  return files_.sync_directory(options_.directory);
}

Result<> JournalFiles::begin(std::optional<JournalFile> file) {
  if (file) {
    current_ = *std::move(file);
  } else {
    auto reused = reuse_spare();
    if (reused) {
      current_ = *std::move(reused);
    } else if (reused.error().code != ErrorCode::not_found) {
      return std::unexpected(std::move(reused).error());
    } else {
      GEMINGA_TRY(current_, create(std::min(kFirstPieceBytes, options_.file_bytes), nullptr));
    }
  }
  current_capacity_ = current_.capacity;
  current_position_ = current_.position;
  return {};
}

Result<JournalFile> JournalFiles::create_empty() {
  JournalFile made;
  made.generation = take_generation();
  made.path = options_.directory / journal_file_name(made.generation);
  GEMINGA_TRY(made.file, files_.open(temporary_name(made.path),
                                     {.mode = base::OpenMode::create_or_trim, .direct = true}));
  return made;
}

Result<> JournalFiles::fill_with_zeros(JournalFile& file, std::uint64_t until,
                                       const std::atomic<bool>* stop) {
  AlignedBuffer zeros(kZeroPieceBytes);
  std::fill(zeros.span().begin(), zeros.span().end(), std::byte{0});
  std::uint64_t synced = file.position;
  for (std::uint64_t at = file.position; at < until;) {
    if (stop != nullptr && stop->load()) return fail(ErrorCode::cancelled, "the log is closing");
    const std::uint64_t piece = std::min<std::uint64_t>(zeros.size(), until - at);
    GEMINGA_TRY_VOID(file.file->write_at(at, zeros.span().first(piece)));
    at += piece;
    if (at - synced >= kSyncEveryBytes && at < until) {
      GEMINGA_TRY_VOID(file.file->sync_data());
      synced = at;
    }
  }
  return file.file->sync_data();
}

Result<> JournalFiles::finish(JournalFile& file, std::uint64_t room, const std::atomic<bool>* stop) {
  const std::uint64_t capacity = file.position + round_up(room, kGroupAlignment);
  if (auto filled = fill_with_zeros(file, capacity, stop); !filled) {
    file.file.reset();
    // Gives the space back now; if even this fails, the next start removes it.
    static_cast<void>(files_.unlink(temporary_name(file.path)));
    return filled;
  }
  file.capacity = capacity;
  GEMINGA_TRY_VOID(files_.rename(temporary_name(file.path), file.path));
  return sync_directory();
}

Result<JournalFile> JournalFiles::create(std::uint64_t bytes, const std::atomic<bool>* stop) {
  GEMINGA_TRY(JournalFile made, create_empty());
  GEMINGA_TRY_VOID(finish(made, bytes, stop));
  return made;
}

Result<JournalFile> JournalFiles::reuse_spare() {
  Spare spare;
  {
    const std::lock_guard lock(mutex_);
    if (spares_.empty()) return fail(ErrorCode::not_found, "no spare journal file");
    spare = std::move(spares_.back());
    spares_.pop_back();
  }
  JournalFile file{.path = {}, .generation = take_generation(), .file = nullptr, .capacity = spare.bytes};
  file.path = options_.directory / journal_file_name(file.generation);
  // Its old groups carry lower generations, so nothing has to be cleared.
  GEMINGA_TRY_VOID(files_.rename(spare.path, file.path));
  GEMINGA_TRY_VOID(sync_directory());
  GEMINGA_TRY(file.file, files_.open(file.path, {.mode = base::OpenMode::write, .direct = true}));
  return file;
}

Result<> JournalFiles::reserve(std::uint64_t bytes) {
  GEMINGA_ASSERT(bytes % kGroupAlignment == 0);
  if (current_.position + bytes <= current_.capacity) return {};
  if (const std::lock_guard lock(mutex_); next_ && bytes <= next_->capacity) {
    full_.push_back(std::move(current_));
    current_ = *std::move(next_);
    next_.reset();
  } else {
    const std::uint64_t needed = current_.position + bytes - current_.capacity;
    const std::uint64_t growth = round_up(std::max(needed, kGrowthBytes), kGroupAlignment);
    GEMINGA_TRY_VOID(current_.file->preallocate(current_.capacity, growth));
    current_.capacity += growth;
  }
  current_capacity_ = current_.capacity;
  current_position_ = current_.position;
  return {};
}

Result<> JournalFiles::write(std::span<const std::byte> group, std::uint64_t number) {
  GEMINGA_ASSERT(current_.position + group.size() <= current_.capacity);
  GEMINGA_TRY_VOID(current_.file->write_at(current_.position, group));
  if (!options_.no_fsync) GEMINGA_TRY_VOID(current_.file->sync_data());
  current_.position += group.size();
  current_.last_group = number;
  current_position_ = current_.position;
  return {};
}

bool JournalFiles::needs_next() const {
  const std::lock_guard lock(mutex_);
  return !next_;
}

Result<> JournalFiles::prepare_next(const std::atomic<bool>& stop) {
  if (!needs_next()) return {};
  auto next = reuse_spare();
  if (!next && next.error().code == ErrorCode::not_found) next = create(options_.file_bytes, &stop);
  if (!next) return std::unexpected(std::move(next).error());
  const std::lock_guard lock(mutex_);
  next_ = *std::move(next);
  return {};
}

Result<> JournalFiles::release(std::uint64_t covered_group) {
  std::vector<JournalFile> covered;
  std::size_t spares = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto first_covered = std::stable_partition(
        full_.begin(), full_.end(), [&](const JournalFile& file) { return file.last_group > covered_group; });
    std::move(first_covered, full_.end(), std::back_inserter(covered));
    full_.erase(first_covered, full_.end());
    spares = spares_.size();
  }
  for (JournalFile& file : covered) {
    file.file.reset();
    // A small first file or one that grew is not worth keeping: files of one size are recycled.
    if (file.capacity == file_bytes() && spares < kSparesMax) {
      add_spare(file.path, file.capacity);
      ++spares;
    } else {
      GEMINGA_TRY_VOID(files_.unlink(file.path));
    }
  }
  return {};
}

std::uint64_t JournalFiles::bytes() const {
  std::uint64_t total = current_capacity_;
  const std::lock_guard lock(mutex_);
  if (next_) total += next_->capacity;
  for (const JournalFile& file : full_) total += file.capacity;
  for (const Spare& spare : spares_) total += spare.bytes;
  return total;
}

std::uint64_t JournalFiles::held_bytes() const {
  std::uint64_t total = current_position_;
  const std::lock_guard lock(mutex_);
  for (const JournalFile& file : full_) total += file.capacity;
  return total;
}

std::uint64_t JournalFiles::reserved_bytes() const {
  std::uint64_t total = current_capacity_ - current_position_;
  const std::lock_guard lock(mutex_);
  if (next_) total += next_->capacity;
  return total;
}

}  // namespace geminga::storage
