#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "base/try.hpp"
#include "storage/operation_codec.hpp"
#include "storage/segment.hpp"
#include "storage/segment_format.hpp"

namespace geminga::storage {
namespace {

constexpr std::uint64_t kVerifyPieceBytes = 1 << 20;
// A read of this size goes around the page cache: who catches up reads everything once, and to fill fresh
// pages of the cache costs more than the disk does.
constexpr std::uint64_t kDirectBytesMin = 256 << 10;
constexpr std::uint64_t kHeadersPieceBytes = 1 << 20;
// Behind a body of this size only a header is read, to see how far the next one is.
constexpr std::uint64_t kLargeBodyBytes = 64 << 10;

}  // namespace

SegmentReader::SegmentReader(base::FileSystem& files, std::filesystem::path path,
                             std::unique_ptr<base::File> file, bool verify)
    : path_(std::move(path)), files_(files), file_(std::move(file)), verify_(verify) {}

std::unexpected<Error> SegmentReader::damaged(const std::string& what) const {
  return fail(ErrorCode::corrupted, fmt::format("segment '{}': {}", path_.string(), what));
}

Result<std::unique_ptr<SegmentReader>> SegmentReader::open(base::FileSystem& files,
                                                           const std::filesystem::path& path,
                                                           const RawUuid& uuid, std::uint64_t number,
                                                           bool verify) {
  GEMINGA_TRY(auto file, files.open(path, {.mode = base::OpenMode::read}));
  std::unique_ptr<SegmentReader> reader(new SegmentReader(files, path, std::move(file), verify));
  GEMINGA_TRY_VOID(reader->load(uuid, number));
  return reader;
}

Result<> SegmentReader::load(const RawUuid& uuid, std::uint64_t number) {
  GEMINGA_TRY(const std::uint64_t size, file_->size());
  if (size < kSegmentDataOffset + kSegmentTrailerBytes) return damaged("it is too short");
  std::array<std::byte, kSegmentHeaderBytes> head{};
  GEMINGA_TRY_VOID(file_->read_at(0, head));
  if (!check_segment_header(uuid, number, head)) return damaged("its header is damaged or of another file");
  std::array<std::byte, kSegmentTrailerBytes> last{};
  GEMINGA_TRY_VOID(file_->read_at(size - kSegmentTrailerBytes, last));
  const auto trailer = decode_segment_trailer(last);
  if (!trailer || trailer->directory != uuid || trailer->number != number)
    return damaged("its trailer is damaged or of another file");
  if (trailer->footer_offset > size - kSegmentTrailerBytes ||
      trailer->extents > (size - kSegmentTrailerBytes - trailer->footer_offset) / kFooterLineBytes)
    return damaged("its footer lies outside of the file");
  footer_ = {.segment = number,
             .offset = trailer->footer_offset,
             .lines = trailer->extents,
             .crc = trailer->footer_crc};
  return {};
}

Result<std::vector<FooterLine>> SegmentReader::read_footer() {
  std::vector<std::byte> bytes(footer_.lines * kFooterLineBytes);
  GEMINGA_TRY_VOID(file_->read_at(footer_.offset, bytes));
  if (base::crc32c(bytes) != footer_.crc) return damaged("its footer is damaged");
  auto lines = decode_footer(bytes, footer_.segment, footer_.offset);
  if (!lines) return damaged("its footer names bytes outside of the file");
  return *std::move(lines);
}

Result<std::uint64_t> SegmentReader::offset_of(const Extent& extent, EntryId entry) {
  if (entry == extent.first || extent.index_count == 0) return extent.offset;
  std::vector<std::byte> index(std::size_t{extent.index_count} * kIndexEntryBytes);
  GEMINGA_TRY(const std::size_t got, file_->read_at(extent.offset + extent.bytes, index));
  if (got < index.size()) return damaged("an index is cut off");
  const FieldReader in(index);
  std::uint64_t offset = extent.offset;
  std::uint32_t low = 0;
  std::uint32_t high = extent.index_count;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (in.get<std::uint64_t>(middle * kIndexEntryBytes) <= entry.value) {
      offset = in.get<std::uint64_t>(middle * kIndexEntryBytes + 8);
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // A hurt index costs time at most: the entries name themselves.
  return offset >= extent.offset && offset < extent.offset + extent.bytes ? offset : extent.offset;
}

Result<base::File*> SegmentReader::direct_file() {
  const std::lock_guard lock(mutex_);
  if (!direct_) {
    GEMINGA_TRY(direct_, files_.open(path_, {.mode = base::OpenMode::read, .direct = true}));
  }
  return direct_.get();
}

Result<SegmentReader::Piece> SegmentReader::read_piece(std::uint64_t offset, std::uint64_t bytes,
                                                       BlockPool& blocks) {
  const bool direct = bytes >= kDirectBytesMin;
  const std::uint64_t begin = direct ? offset - offset % base::kDirectAlignment : offset;
  // A block may be larger than what was asked for.
  const std::size_t span = direct ? round_up(offset + bytes - begin, base::kDirectAlignment) : bytes;
  const BlockPool::Block block = blocks.take(span);
  base::File* file = file_.get();
  if (direct) {
    GEMINGA_TRY(file, direct_file());
  }
  GEMINGA_TRY(const std::size_t got, file->read_at(begin, block.bytes.first(span)));
  const std::uint64_t skipped = std::min<std::uint64_t>(offset - begin, got);
  return Piece{block.bytes.subspan(skipped, std::min<std::uint64_t>(bytes, got - skipped)), block.owner};
}

Result<> SegmentReader::read(const Extent& extent, EntryId from, const ReadRequest& request,
                             BlockPool& blocks, std::vector<Entry>& into, std::uint64_t& bytes) {
  if (request.headers_only) return read_headers(extent, from, request, blocks, into);
  GEMINGA_TRY(std::uint64_t offset, offset_of(extent, std::max(from, extent.first)));
  const std::uint64_t end = extent.offset + extent.bytes;
  const std::uint64_t wanted = request.bytes_max - std::min(bytes, request.bytes_max);
  std::uint64_t piece = std::min(wanted + kIndexStepBytes, end - offset);
  const std::size_t before = into.size();
  // What one piece gives is enough, unless it is nothing: the next request begins where it ends, and another
  // piece for the few that are missing would be read twice.
  while (offset < end && into.size() == before) {
    GEMINGA_TRY(const Piece block, read_piece(offset, piece, blocks));
    const std::size_t got = block.bytes.size();
    std::span<const std::byte> rest = block.bytes;
    std::uint64_t needed = kEntryHeaderBytes;
    while (rest.size() >= kEntryHeaderBytes) {
      const auto header = decode_entry_header(rest);
      if (!header || header->topic != request.topic)
        return damaged(fmt::format("no entry of topic {} stands at offset {}", request.topic.value,
                                   offset + (got - rest.size())));
      needed = kEntryHeaderBytes + header->body_bytes;
      if (rest.size() < needed) break;
      const auto body = as_text(rest.subspan(kEntryHeaderBytes, header->body_bytes));
      if (header->entry >= from) {
        if (into.size() >= request.entries_max) return {};
        if (!into.empty() && bytes + body.size() > request.bytes_max) return {};
        if (verify_ && base::crc32c(body) != header->body_crc)
          return damaged(fmt::format("entry {}:{} of topic {} is damaged", header->ledger.value,
                                     header->entry.value, header->topic.value));
        bytes += body.size();
        into.push_back({*header, body, block.owner});
      }
      rest = rest.subspan(needed);
      needed = kEntryHeaderBytes;
    }
    const std::uint64_t consumed = got - rest.size();
    if (got < piece && offset + got < end) return damaged("it is cut off");
    if (offset + consumed + needed > end && offset + consumed < end)
      return damaged("an entry passes its extent");
    offset += consumed;
    piece = std::min(std::max(piece, needed), end - offset);
  }
  return {};
}

/// A body of which the piece has the beginning only is passed over.
Result<> SegmentReader::read_headers(const Extent& extent, EntryId from, const ReadRequest& request,
                                     BlockPool& blocks, std::vector<Entry>& into) {
  GEMINGA_TRY(std::uint64_t offset, offset_of(extent, std::max(from, extent.first)));
  const std::uint64_t end = extent.offset + extent.bytes;
  std::uint64_t piece = kHeadersPieceBytes;
  while (offset < end && into.size() < request.entries_max) {
    GEMINGA_TRY(const Piece block, read_piece(offset, std::min(piece, end - offset), blocks));
    std::uint64_t consumed = 0;
    while (consumed + kEntryHeaderBytes <= block.bytes.size() && into.size() < request.entries_max) {
      const auto header = decode_entry_header(block.bytes.subspan(consumed));
      if (!header || header->topic != request.topic)
        return damaged(
            fmt::format("no entry of topic {} stands at offset {}", request.topic.value, offset + consumed));
      if (header->entry >= from) into.push_back({*header, {}, nullptr});
      consumed += kEntryHeaderBytes + header->body_bytes;
      piece = header->body_bytes < kLargeBodyBytes ? kHeadersPieceBytes : kEntryHeaderBytes;
    }
    if (consumed == 0) return damaged("it is cut off");
    offset += consumed;
  }
  return offset <= end ? Result<>{} : damaged("an entry passes its extent");
}

Result<> SegmentReader::verify(const FooterLine& line) {
  std::uint64_t left = line.extent.bytes + std::uint64_t{line.extent.index_count} * kIndexEntryBytes;
  std::uint64_t at = line.extent.offset;
  std::uint32_t crc = 0;
  std::vector<std::byte> piece(std::min(left, kVerifyPieceBytes));
  while (left > 0) {
    const auto part = std::span(piece).first(std::min<std::uint64_t>(left, piece.size()));
    GEMINGA_TRY(const std::size_t got, file_->read_at(at, part));
    if (got < part.size()) return damaged("it is cut off");
    crc = base::crc32c(std::span<const std::byte>(part), crc);
    at += got;
    left -= got;
  }
  if (crc == line.crc) return {};
  return damaged(fmt::format("entries {} to {} of topic {} are damaged", line.extent.first.value,
                             line.extent.last.value, line.topic.value));
}

}  // namespace geminga::storage
