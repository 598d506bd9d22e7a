#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "base/file_system.hpp"
#include "storage/aligned_buffer.hpp"
#include "storage/blocks.hpp"
#include "storage/bytes.hpp"
#include "storage/entry.hpp"
#include "storage/log.hpp"

namespace geminga::storage {

/// Consecutive entries of one topic in a segment.
struct Extent {
  std::uint64_t segment = 0;
  EntryId first;
  EntryId last;
  std::uint64_t offset = 0;       ///< of the first entry header in the file
  std::uint64_t bytes = 0;        ///< of headers and bodies
  std::uint32_t index_count = 0;  ///< sparse index entries, which stand right behind the entries
  bool operator==(const Extent&) const = default;
};

/// A line of the footer.
struct FooterLine {
  TopicId topic;
  LedgerId ledger;
  Extent extent;
  std::uint32_t crc = 0;  ///< over entries and sparse index
};

/// "segment-<number as 16 hex digits>.seg"
std::string segment_file_name(std::uint64_t number);
/// Nothing for other names.
std::optional<std::uint64_t> segment_number(std::string_view name);

/// Writes a segment; docs/formats/segment.md has the bytes. Under a temporary name until finish(), which
/// syncs and renames; the caller syncs the directory.
class SegmentWriter {
 public:
  static Result<std::unique_ptr<SegmentWriter>> create(base::FileSystem& files,
                                                       const std::filesystem::path& directory,
                                                       const RawUuid& uuid, std::uint64_t number);
  ~SegmentWriter();
  /// The entries of one topic, dense. Errors: disk_full, disk_error.
  Result<Extent> add(std::span<const Entry> entries);
  /// Bytes of the file.
  Result<std::uint64_t> finish();

 private:
  SegmentWriter(base::FileSystem& files, std::filesystem::path path, std::unique_ptr<base::File> file,
                const RawUuid& uuid, std::uint64_t number);
  Result<> put(std::span<const std::byte> bytes);
  Result<> flush();
  [[nodiscard]] std::uint64_t offset() const { return written_ + used_; }

  base::FileSystem& files_;
  const std::filesystem::path path_;
  std::unique_ptr<base::File> file_;
  const RawUuid uuid_;
  const std::uint64_t number_;
  AlignedBuffer buffer_;
  std::uint64_t written_ = 0;
  std::size_t used_ = 0;
  std::uint32_t crc_ = 0;  ///< of what was put since it was last reset
  std::vector<FooterLine> footer_;
  bool finished_ = false;
};

/// Reads an immutable segment. Any thread. It holds descriptors and no memory to speak of, however many
/// topics the segment has: many of them stay open.
class SegmentReader {
 public:
  /// Errors: not_found, corrupted (the file is not what it should be), disk_error.
  static Result<std::unique_ptr<SegmentReader>> open(base::FileSystem& files,
                                                     const std::filesystem::path& path, const RawUuid& uuid,
                                                     std::uint64_t number, bool verify = true);
  /// Appends entries of `extent` from `from` on until the request's limits; `bytes` counts the bodies so far.
  /// The bodies, where they are asked for, stand in blocks of `blocks`. Errors: corrupted (with the entry),
  /// disk_error.
  Result<> read(const Extent& extent, EntryId from, const ReadRequest& request, BlockPool& blocks,
                std::vector<Entry>& into, std::uint64_t& bytes);
  /// The lines of the footer, from the disk: one for each extent. Errors: corrupted, disk_error.
  Result<std::vector<FooterLine>> read_footer();
  /// Reads an extent and compares its CRC. Errors: corrupted (with topic and entries), disk_error.
  Result<> verify(const FooterLine& line);

 private:
  SegmentReader(base::FileSystem& files, std::filesystem::path path, std::unique_ptr<base::File> file,
                bool verify);
  Result<> load(const RawUuid& uuid, std::uint64_t number);
  Result<> read_headers(const Extent& extent, EntryId from, const ReadRequest& request, BlockPool& blocks,
                        std::vector<Entry>& into);
  Result<std::uint64_t> offset_of(const Extent& extent, EntryId entry);
  struct Piece {
    std::span<const std::byte> bytes;  ///< fewer than asked for only at the end of the file
    std::shared_ptr<const void> owner;
  };
  Result<Piece> read_piece(std::uint64_t offset, std::uint64_t bytes, BlockPool& blocks);
  Result<base::File*> direct_file();
  [[nodiscard]] std::unexpected<Error> damaged(const std::string& what) const;

  const std::filesystem::path path_;
  base::FileSystem& files_;
  const std::unique_ptr<base::File> file_;
  const bool verify_;
  struct FooterPlace {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
    std::uint64_t lines = 0;
    std::uint32_t crc = 0;
  };
  FooterPlace footer_;  // set by load(), which has found that it lies in the file
  std::mutex mutex_;
  std::unique_ptr<base::File> direct_;  // under mutex until it is open; then it stays
};

}  // namespace geminga::storage
