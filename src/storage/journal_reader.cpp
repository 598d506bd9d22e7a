#include "storage/journal_reader.hpp"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/try.hpp"
#include "storage/journal_format.hpp"

namespace geminga::storage {
namespace {

constexpr std::uint64_t kWindowBytes = 4ULL << 20;

}  // namespace

JournalFileReader::JournalFileReader(std::unique_ptr<base::File> file, std::uint64_t size)
    : file_(std::move(file)), size_(size) {}

JournalFileReader::~JournalFileReader() {
  if (reading_ahead_.valid()) reading_ahead_.wait();
}

Result<std::unique_ptr<JournalFileReader>> JournalFileReader::open(base::FileSystem& files,
                                                                   const std::filesystem::path& path) {
  GEMINGA_TRY(auto file, files.open(path, {.mode = base::OpenMode::read, .direct = true}));
  // Where direct reads are not possible this still forgets pages that a failed write left behind as clean.
  GEMINGA_TRY_VOID(file->drop_cache());
  GEMINGA_TRY(const std::uint64_t size, file->size());
  return std::unique_ptr<JournalFileReader>(new JournalFileReader(std::move(file), size));
}

Result<std::span<const std::byte>> JournalFileReader::at(std::uint64_t offset, std::uint64_t bytes) {
  if (offset >= size_) return std::span<const std::byte>();
  bytes = std::min(bytes, size_ - offset);
  if (!window_.holds(offset, offset + bytes)) GEMINGA_TRY_VOID(move_to(offset, bytes));
  return std::span<const std::byte>(window_.memory.span())
      .subspan(window_.begin + (offset - window_.offset), bytes);
}

Result<> JournalFileReader::move_to(std::uint64_t offset, std::uint64_t bytes) {
  const bool reads_on = window_.bytes > 0 && offset >= window_.offset && offset <= window_.end();
  GEMINGA_TRY(const bool taken, take_ahead(offset, bytes));
  if (!taken) GEMINGA_TRY_VOID(read(offset, bytes));
  if (!window_.holds(offset, offset + bytes))
    return fail(ErrorCode::disk_error, "a journal file became shorter while it was read");
  if (reads_on) read_ahead();
  return {};
}

Result<> JournalFileReader::read(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t from = offset / base::kDirectAlignment * base::kDirectAlignment;
  const std::uint64_t least = std::min(kWindowBytes, std::max<std::uint64_t>(size_, 1));
  const std::uint64_t needed = round_up(std::max(offset + bytes - from, least), base::kDirectAlignment);
  if (needed > window_.memory.size()) window_.memory = AlignedBuffer(needed);
  window_.offset = from;
  window_.begin = 0;
  window_.bytes = 0;
  GEMINGA_TRY(window_.bytes, file_->read_at(from, window_.memory.span().first(needed)));
  return {};
}

/// Makes the window that was read ahead the current one, with what is still needed of the old one in front of
/// it. False: none was, or it does not go that far.
Result<bool> JournalFileReader::take_ahead(std::uint64_t offset, std::uint64_t bytes) {
  if (!reading_ahead_.valid()) return false;
  Result<> done = reading_ahead_.get();
  const bool joins = ahead_.offset == window_.end() && offset >= window_.offset && offset <= window_.end();
  if (!joins || window_.end() - offset > ahead_.begin) return false;
  GEMINGA_TRY_VOID(std::move(done));
  if (offset + bytes > ahead_.end()) return false;
  const std::size_t kept = window_.end() - offset;
  const auto old =
      std::as_const(window_.memory).span().subspan(window_.begin + (offset - window_.offset), kept);
  std::memcpy(ahead_.memory.span().data() + ahead_.begin - kept, old.data(), kept);
  ahead_.begin -= kept;
  ahead_.offset -= kept;
  ahead_.bytes += kept;
  std::swap(window_, ahead_);
  return true;
}

/// The room in front of what is read takes the group that straddles the border.
void JournalFileReader::read_ahead() {
  if (window_.end() >= size_ || window_.end() % base::kDirectAlignment != 0) return;
  if (ahead_.memory.size() < 2 * kWindowBytes) ahead_.memory = AlignedBuffer(2 * kWindowBytes);
  ahead_.begin = kWindowBytes;
  ahead_.offset = window_.end();
  ahead_.bytes = 0;
  try {
    reading_ahead_ = std::async(std::launch::async, [this]() -> Result<> {
      GEMINGA_TRY(ahead_.bytes,
                  file_->read_at(ahead_.offset, ahead_.memory.span().subspan(ahead_.begin, kWindowBytes)));
      return {};
    });
  } catch (const std::system_error&) {
    // No thread can be had now: the next window is read when it is needed.
  }
}

}  // namespace geminga::storage
