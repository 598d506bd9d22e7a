#include "storage/journal_copy.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "base/file_system.hpp"
#include "base/try.hpp"
#include "storage/checkpoint.hpp"
#include "storage/journal_scan.hpp"

namespace geminga::storage {
namespace {

// A group that was being written when it was seen is whole moments later, unless its writer died.
constexpr int kAttempts = 20;
constexpr std::chrono::milliseconds kPause{20};

class JournalCopy {
 public:
  JournalCopy(base::FileSystem& files, const JournalCopyOptions& options)
      : files_(files), options_(options) {}

  Result<> run() {
    GEMINGA_TRY(const std::uint64_t last, last_begun());
    GEMINGA_TRY(const std::uint64_t covered, covered_now());
    for (int attempt = 0;; ++attempt) {
      GEMINGA_TRY(const std::uint64_t copied, copy());
      if (copied >= std::max(last, covered)) return {};
      if (attempt == kAttempts && copied < covered)
        return fail(ErrorCode::unavailable,
                    fmt::format("the journal of '{}' was used again meanwhile: group {} and those behind it "
                                "are gone; was an older geminga started on it? Make the copy again",
                                options_.from.string(), copied + 1));
      // The last one may be what a killed process left unfinished.
      if (attempt == kAttempts && copied + 1 == last) return {};
      if (attempt == kAttempts)
        return fail(
            ErrorCode::corrupted,
            fmt::format("the journal of '{}' can be read up to group {}, and group {} follows; look at "
                        "it with `geminga fsck`",
                        options_.from.string(), copied, last));
      std::this_thread::sleep_for(kPause);
    }
  }

 private:
  /// Calls with a reader of each journal file, by generation; false ends it.
  Result<> each_file(const std::function<Result<bool>(JournalFileReader&, std::uint64_t generation)>& visit) {
    GEMINGA_TRY(const auto found, list_journal_files(files_, options_.from));
    for (const JournalFileName& file : found) {
      auto reader = JournalFileReader::open(files_, file.path);
      // A spare that was given its next name since: nothing in it was needed.
      if (!reader && reader.error().code == ErrorCode::not_found) continue;
      if (!reader) return std::unexpected(std::move(reader).error());
      GEMINGA_TRY(const bool more, visit(**reader, file.generation));
      if (!more) return {};
    }
    return {};
  }

  Result<std::optional<GroupHeader>> header_at(JournalFileReader& reader, std::uint64_t generation,
                                               std::uint64_t offset) {
    GEMINGA_TRY(const auto bytes, reader.at(offset, kGroupHeaderBytes));
    auto header = decode_group_header(bytes);
    if (header && (header->directory != options_.uuid || header->generation != generation)) header.reset();
    return header;
  }

  Result<std::uint64_t> last_begun() {
    std::uint64_t last = options_.covered;
    GEMINGA_TRY_VOID(each_file([&](JournalFileReader& reader, std::uint64_t generation) -> Result<bool> {
      for (std::uint64_t offset = 0; offset < reader.size(); offset += kGroupAlignment) {
        GEMINGA_TRY(const auto header, header_at(reader, generation, offset));
        if (header) last = std::max(last, header->number);
      }
      return true;
    }));
    return last;
  }

  /// So far the newest checkpoint goes; what it covers was written.
  Result<std::uint64_t> covered_now() {
    const auto path = options_.from / kCheckpointFile;
    GEMINGA_TRY(const bool there, files_.exists(path));
    if (!there) return std::uint64_t{0};
    GEMINGA_TRY(const std::string bytes, base::read_file(files_, path));
    GEMINGA_TRY(const Checkpoint checkpoint,
                decode_checkpoint(options_.uuid, std::as_bytes(std::span(bytes))));
    return checkpoint.covered;
  }

  /// All whole groups in sequence; the number of the last one.
  Result<std::uint64_t> copy() {
    last_ = options_.covered;
    position_ = 0;
    target_.reset();
    GEMINGA_TRY_VOID(each_file([this](JournalFileReader& reader, std::uint64_t generation) -> Result<bool> {
      for (std::uint64_t offset = 0; offset < reader.size();) {
        GEMINGA_TRY(const auto header, header_at(reader, generation, offset));
        if (!header) return true;
        if (header->number > last_ + 1) return false;
        if (header->number == last_ + 1) {
          GEMINGA_TRY(const bool whole, copy_group(reader, *header, offset));
          if (!whole) return false;
        }
        offset += group_bytes(*header);
      }
      return true;
    }));
    if (target_) GEMINGA_TRY_VOID(target_->sync_data());
    return last_;
  }

  Result<bool> copy_group(JournalFileReader& reader, GroupHeader header, std::uint64_t offset) {
    const std::uint64_t bytes = group_bytes(header);
    GEMINGA_TRY(const auto group, reader.at(offset, bytes));
    if (group.size() < bytes || !parse_group(header, group.subspan(kGroupHeaderBytes, header.bytes)).intact())
      return false;
    std::vector<std::byte> copy(group.begin(), group.end());
    header.generation = 1;
    encode_group_header(header, copy);
    if (!target_) {
      GEMINGA_TRY(target_, files_.open(options_.to / journal_file_name(header.generation),
                                       {.mode = base::OpenMode::create_or_trim}));
    }
    GEMINGA_TRY_VOID(target_->write_at(position_, copy));
    position_ += bytes;
    last_ = header.number;
    return true;
  }

  base::FileSystem& files_;
  const JournalCopyOptions& options_;
  std::unique_ptr<base::File> target_;
  std::uint64_t position_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace

Result<> copy_journal(base::FileSystem& files, const JournalCopyOptions& options) {
  return JournalCopy(files, options).run();
}

}  // namespace geminga::storage
