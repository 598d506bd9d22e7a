#include "storage/journal_files.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/try.hpp"
#include "storage/aligned_buffer.hpp"
#include "storage/disk_bounds.hpp"
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
constexpr std::uint64_t kReserveBytesMax = 32ULL << 20;

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

std::uint64_t JournalFiles::reserve_bytes() const {
  return std::min(kReserveBytesMax, round_up(file_bytes() / 2, kGroupAlignment));
}

std::uint64_t JournalFiles::take_generation() {
  const std::lock_guard lock(mutex_);
  return next_generation_++;
}

Result<> JournalFiles::keep_or_remove(const JournalSpare& spare) {
  {
    const std::lock_guard lock(mutex_);
    // The reserve comes first: on a full disk nothing else could replace it.
    if (!reserve_ && spare.bytes >= reserve_bytes()) {
      reserve_ = spare;
      return {};
    }
    // A small first file or one that grew is not worth keeping: files of one size are recycled.
    if (spare.bytes == file_bytes() && spares_.size() < kSparesMax) {
      spares_.push_back(spare);
      return {};
    }
  }
  return files_.unlink(spare.path);
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
      auto made = create(std::min(kFirstPieceBytes, options_.file_bytes), nullptr);
      // Then there is no reserve until there is space: acknowledgements have this file, messages are refused.
      if (!made && made.error().code == ErrorCode::disk_full) made = reuse_reserve(std::move(made).error());
      GEMINGA_TRY(current_, std::move(made));
    }
  }
  current_capacity_ = current_.capacity;
  current_position_ = current_.position;
  auto reserve = prepare_reserve();
  if (!reserve && reserve.error().code != ErrorCode::disk_full) return reserve;
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
  return finish(file, capacity, fill_with_zeros(file, capacity, stop));
}

void JournalFiles::abandon(JournalFile& file) {
  file.file.reset();
  // Gives the space back now; if even this fails, the next start removes it.
  static_cast<void>(files_.unlink(temporary_name(file.path)));
}

Result<> JournalFiles::finish(JournalFile& file, std::uint64_t capacity, Result<> filled) {
  if (!filled) {
    abandon(file);
    return filled;
  }
  file.capacity = capacity;
  auto named = files_.rename(temporary_name(file.path), file.path);
  if (!named) {
    abandon(file);
    return named;
  }
  auto synced = sync_directory();
  if (!synced) {
    file.file.reset();
    static_cast<void>(files_.unlink(file.path));
  }
  return synced;
}

Result<JournalFile> JournalFiles::create(std::uint64_t bytes, const std::atomic<bool>* stop) {
  GEMINGA_TRY(JournalFile made, create_empty());
  GEMINGA_TRY_VOID(finish(made, bytes, stop));
  return made;
}

Result<JournalFile> JournalFiles::reuse_spare() {
  JournalSpare spare;
  {
    const std::lock_guard lock(mutex_);
    if (spares_.empty()) return fail(ErrorCode::not_found, "no spare journal file");
    spare = spares_.back();
  }
  GEMINGA_TRY(JournalFile file, reuse(spare));
  const std::lock_guard lock(mutex_);
  spares_.pop_back();
  return file;
}

Result<JournalFile> JournalFiles::reuse_reserve(Error otherwise) {
  std::optional<JournalSpare> reserve;
  {
    const std::lock_guard lock(mutex_);
    reserve.swap(reserve_);
  }
  if (!reserve) return std::unexpected(std::move(otherwise));
  return reuse(*reserve);
}

Result<JournalFile> JournalFiles::reuse(const JournalSpare& spare) {
  JournalFile file{.path = {}, .generation = take_generation(), .file = nullptr, .capacity = spare.bytes};
  file.path = options_.directory / journal_file_name(file.generation);
  GEMINGA_TRY(file.file, files_.open(spare.path, {.mode = base::OpenMode::write, .direct = true}));
  // Its old groups carry lower generations, so nothing has to be cleared.
  GEMINGA_TRY_VOID(files_.rename(spare.path, file.path));
  GEMINGA_TRY_VOID(sync_directory());
  return file;
}

bool JournalFiles::leaves_enough(std::uint64_t bytes) const {
  const auto space = files_.space(options_.directory);
  return !space || space->free_bytes >= space_limit(space->total_bytes) + bytes;
}

Result<> JournalFiles::grow(std::uint64_t bytes) {
  GEMINGA_TRY_VOID(current_.file->preallocate(current_.capacity, bytes));
  current_.capacity += bytes;
  return {};
}

Result<> JournalFiles::take_reserve() {
  JournalSpare reserve;
  {
    const std::lock_guard lock(mutex_);
    reserve = *reserve_;
  }
  GEMINGA_TRY(JournalFile file, reuse(reserve));
  const std::lock_guard lock(mutex_);
  reserve_.reset();
  written_generation_ = file.generation;
  go_on_in(std::move(file));
  // Groups must stand in files of ascending generations.
  if (next_) spares_.push_back({next_->path, next_->capacity});
  next_.reset();
  return {};
}

void JournalFiles::go_on_in(JournalFile file) {
  current_.file.reset();  // a backup may keep it waiting for long, and many with it
  full_.push_back(std::exchange(current_, std::move(file)));
}

Result<> JournalFiles::make_room(std::uint64_t bytes, RoomFor who) {
  GEMINGA_ASSERT(bytes % kGroupAlignment == 0);
  std::uint64_t reserve = 0;
  {
    const std::lock_guard lock(mutex_);
    if (reserve_) reserve = reserve_->bytes;
    if (who == RoomFor::publishing && reserve == 0)
      return fail(ErrorCode::disk_full,
                  fmt::format("the disk of '{}' is full: what is left of the journal is for "
                              "acknowledgements; publishing resumes by itself when there is space",
                              options_.directory.string()));
    if (current_.position + bytes > current_.capacity && next_ && bytes <= next_->capacity)
      go_on_in(*std::exchange(next_, std::nullopt));
  }
  if (current_.position + bytes > current_.capacity) {
    const std::uint64_t needed = current_.position + bytes - current_.capacity;
    const std::uint64_t growth =
        round_up(std::max(needed, std::min(kGrowthBytes, file_bytes())), kGroupAlignment);
    Result<> grown = fail(ErrorCode::disk_full,
                          fmt::format("the disk of '{}' is full: the journal cannot grow; publishing "
                                      "resumes by itself when there is space",
                                      options_.directory.string()));
    if (leaves_enough(growth)) grown = grow(growth);
    if (!grown && grown.error().code == ErrorCode::disk_full && who != RoomFor::publishing) {
      if (bytes <= reserve)
        grown = take_reserve();
      else if (who == RoomFor::upkeep_at_last)
        grown = grow(round_up(needed, kGroupAlignment));
    }
    GEMINGA_TRY_VOID(grown);
  }
  current_capacity_ = current_.capacity;
  current_position_ = current_.position;
  return {};
}

bool JournalFiles::wants_checkpoint() const {
  const std::lock_guard lock(mutex_);
  return !reserve_ && !full_.empty();
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

Result<> JournalFiles::prepare(const std::atomic<bool>& stop) {
  GEMINGA_TRY_VOID(prepare_reserve());
  return prepare_next(stop);
}

Result<> JournalFiles::prepare_reserve() {
  {
    const std::lock_guard lock(mutex_);
    if (reserve_) return {};
    if (!spares_.empty()) {
      reserve_ = std::move(spares_.back());
      spares_.pop_back();
      return {};
    }
  }
  // Reserved, not zeroed: it is made at the first start too, and is seldom written.
  GEMINGA_TRY(JournalFile file, create_empty());
  auto filled = file.file->preallocate(0, reserve_bytes());
  if (filled) filled = file.file->sync_data();
  GEMINGA_TRY_VOID(finish(file, reserve_bytes(), std::move(filled)));
  const std::lock_guard lock(mutex_);
  reserve_ = JournalSpare{file.path, file.capacity};
  return {};
}

Result<> JournalFiles::prepare_next(const std::atomic<bool>& stop) {
  if (const std::lock_guard lock(mutex_); next_) return {};
  auto next = reuse_spare();
  if (!next && next.error().code == ErrorCode::not_found) {
    if (!leaves_enough(file_bytes())) return {};  // the current one grows as long as it may
    next = create(file_bytes(), &stop);
  }
  if (!next) return std::unexpected(std::move(next).error());
  const std::lock_guard lock(mutex_);
  if (next->generation < written_generation_) {
    // The reserve came into use meanwhile: groups must stand in files of ascending generations.
    spares_.push_back({std::move(next->path), next->capacity});
  } else {
    next_ = *std::move(next);
  }
  return {};
}

Result<> JournalFiles::release(std::uint64_t covered_group) {
  std::vector<JournalSpare> covered;
  {
    const std::lock_guard lock(mutex_);
    for (const JournalFile& file : full_) {
      if (file.last_group <= covered_group) covered.push_back({file.path, file.capacity});
    }
  }
  // The smallest that will do is the reserve.
  std::ranges::sort(covered, {}, &JournalSpare::bytes);
  for (const JournalSpare& spare : covered) {
    GEMINGA_TRY_VOID(keep_or_remove(spare));
    const std::lock_guard lock(mutex_);
    std::erase_if(full_, [&](const JournalFile& file) { return file.path == spare.path; });
  }
  return {};
}

std::uint64_t JournalFiles::bytes() const {
  std::uint64_t total = current_capacity_;
  const std::lock_guard lock(mutex_);
  if (next_) total += next_->capacity;
  for (const JournalFile& file : full_) total += file.capacity;
  for (const JournalSpare& spare : spares_) total += spare.bytes;
  if (reserve_) total += reserve_->bytes;
  return total;
}

std::uint64_t JournalFiles::held_bytes() const {
  std::uint64_t total = current_position_;
  const std::lock_guard lock(mutex_);
  for (const JournalFile& file : full_) total += file.capacity;
  return total;
}

}  // namespace geminga::storage
