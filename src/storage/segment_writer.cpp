#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/try.hpp"
#include "storage/operation_codec.hpp"
#include "storage/segment.hpp"
#include "storage/segment_format.hpp"

namespace geminga::storage {
namespace {

constexpr std::string_view kPrefix = "segment-";
constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kDigits = 16;
// One write of the file; direct, so that no dirty pages pile up which would later hold up the journal's sync.
constexpr std::size_t kPieceBytes = 1 << 20;

std::filesystem::path temporary_name(std::filesystem::path path) {
  path += ".tmp";
  return path;
}

}  // namespace

std::string segment_file_name(std::uint64_t number) {
  return fmt::format("{}{:016x}{}", kPrefix, number, kSuffix);
}

std::optional<std::uint64_t> segment_number(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size() || !name.starts_with(kPrefix) ||
      !name.ends_with(kSuffix))
    return std::nullopt;
  std::uint64_t number = 0;
  const char* first = name.data() + kPrefix.size();
  const auto [end, error] = std::from_chars(first, first + kDigits, number, 16);
  if (error != std::errc{} || end != first + kDigits) return std::nullopt;
  return number;
}

SegmentWriter::SegmentWriter(base::FileSystem& files, std::filesystem::path path,
                             std::unique_ptr<base::File> file, const RawUuid& uuid, std::uint64_t number)
    : files_(files),
      path_(std::move(path)),
      file_(std::move(file)),
      uuid_(uuid),
      number_(number),
      buffer_(kPieceBytes) {}

SegmentWriter::~SegmentWriter() {
  if (finished_) return;
  file_.reset();
  static_cast<void>(files_.unlink(temporary_name(path_)));  // else the next start removes it
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(base::FileSystem& files,
                                                             const std::filesystem::path& directory,
                                                             const RawUuid& uuid, std::uint64_t number) {
  const std::filesystem::path path = directory / segment_file_name(number);
  GEMINGA_TRY(auto file,
              files.open(temporary_name(path), {.mode = base::OpenMode::create_or_trim, .direct = true}));
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(files, path, std::move(file), uuid, number));
  const auto head = writer->buffer_.span().first(kSegmentDataOffset);
  std::fill(head.begin(), head.end(), std::byte{0});
  encode_segment_header(uuid, number, head);
  writer->used_ = kSegmentDataOffset;
  return writer;
}

Result<> SegmentWriter::put(std::span<const std::byte> bytes) {
  crc_ = base::crc32c(bytes, crc_);
  while (!bytes.empty()) {
    const std::size_t piece = std::min(bytes.size(), buffer_.size() - used_);
    std::memcpy(buffer_.span().data() + used_, bytes.data(), piece);
    used_ += piece;
    bytes = bytes.subspan(piece);
    if (used_ == buffer_.size()) GEMINGA_TRY_VOID(flush());
  }
  return {};
}

Result<> SegmentWriter::flush() {
  GEMINGA_ASSERT(used_ % base::kDirectAlignment == 0);
  GEMINGA_TRY_VOID(file_->write_at(written_, buffer_.span().first(used_)));
  written_ += used_;
  used_ = 0;
  return {};
}

Result<Extent> SegmentWriter::add(std::span<const Entry> entries) {
  GEMINGA_ASSERT(!entries.empty());
  FooterLine line{.topic = entries.front().header.topic,
                  .ledger = entries.front().header.ledger,
                  .extent = {.segment = number_,
                             .first = entries.front().header.entry,
                             .last = entries.back().header.entry,
                             .offset = offset()},
                  .crc = 0};
  Extent& extent = line.extent;
  GEMINGA_ASSERT(extent.last.value - extent.first.value + 1 == entries.size());
  crc_ = 0;
  StreamWriter index;
  std::uint64_t next_step = extent.offset + kIndexStepBytes;
  std::array<std::byte, kEntryHeaderBytes> header{};
  for (const Entry& entry : entries) {
    if (offset() >= next_step) {
      index.put(entry.header.entry.value);
      index.put(offset());
      ++extent.index_count;
      next_step = offset() + kIndexStepBytes;
    }
    encode_entry_header(entry.header, header);
    GEMINGA_TRY_VOID(put(header));
    GEMINGA_TRY_VOID(put(std::as_bytes(std::span(entry.body))));
  }
  extent.bytes = offset() - extent.offset;
  GEMINGA_TRY_VOID(put(std::as_bytes(std::span(index.bytes()))));
  line.crc = crc_;
  footer_.push_back(line);
  return extent;
}

Result<std::uint64_t> SegmentWriter::finish() {
  SegmentTrailer trailer{.directory = uuid_,
                         .number = number_,
                         .footer_offset = offset(),
                         .extents = footer_.size(),
                         .footer_crc = 0};
  crc_ = 0;
  std::array<std::byte, kFooterLineBytes> line{};
  for (const FooterLine& one : footer_) {
    encode_footer_line(one, line);
    GEMINGA_TRY_VOID(put(line));
  }
  trailer.footer_crc = crc_;
  const std::uint64_t end = round_up(offset() + kSegmentTrailerBytes, base::kDirectAlignment);
  const std::vector<std::byte> padding(end - kSegmentTrailerBytes - offset(), std::byte{0});
  GEMINGA_TRY_VOID(put(padding));
  std::array<std::byte, kSegmentTrailerBytes> last{};
  encode_segment_trailer(trailer, last);
  GEMINGA_TRY_VOID(put(last));
  if (used_ > 0) GEMINGA_TRY_VOID(flush());
  GEMINGA_TRY_VOID(file_->sync_data());
  GEMINGA_TRY_VOID(files_.rename(temporary_name(path_), path_));
  finished_ = true;
  return end;
}

}  // namespace geminga::storage
