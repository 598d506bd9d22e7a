#include "storage/segment_format.hpp"

#include "base/crc32c.hpp"

namespace geminga::storage {
namespace {

constexpr std::uint32_t kHeaderMagic = 0x31'48'53'47;   // "GSH1" on disk
constexpr std::uint32_t kTrailerMagic = 0x31'54'53'47;  // "GST1"

struct HeaderAt {
  static constexpr std::size_t magic = 0, crc = 4, directory = 8, number = 24;
};
struct LineAt {
  static constexpr std::size_t topic = 0, ledger = 8, first = 16, last = 24, offset = 32, bytes = 40,
                               index_count = 48, crc = 52;
};
static_assert(LineAt::crc + sizeof(std::uint32_t) == kFooterLineBytes);
struct TrailerAt {
  [[maybe_unused]] static constexpr std::size_t magic = 0, crc = 4, directory = 8, number = 24,
                                                footer_offset = 32, extents = 40, footer_crc = 48,
                                                reserved = 52;
};

template <std::size_t kBytes>
std::uint32_t crc_behind_magic(std::span<const std::byte> bytes) {
  return base::crc32c(bytes.first(kBytes).subspan(HeaderAt::directory));
}

}  // namespace

void encode_segment_header(const RawUuid& directory, std::uint64_t number, std::span<std::byte> into) {
  FieldWriter out(into.first(kSegmentHeaderBytes));
  for (std::size_t at = 0; at < kSegmentHeaderBytes; at += 8) out.put(at, std::uint64_t{0});
  out.put(HeaderAt::magic, kHeaderMagic);
  out.put(HeaderAt::directory, directory);
  out.put(HeaderAt::number, number);
  out.put(HeaderAt::crc, crc_behind_magic<kSegmentHeaderBytes>(into));
}

bool check_segment_header(const RawUuid& directory, std::uint64_t number, std::span<const std::byte> bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return false;
  const FieldReader in(bytes);
  return in.get<std::uint32_t>(HeaderAt::magic) == kHeaderMagic &&
         in.get<std::uint32_t>(HeaderAt::crc) == crc_behind_magic<kSegmentHeaderBytes>(bytes) &&
         in.get<RawUuid>(HeaderAt::directory) == directory &&
         in.get<std::uint64_t>(HeaderAt::number) == number;
}

void encode_footer_line(const FooterLine& line, std::span<std::byte> into) {
  FieldWriter out(into);
  out.put(LineAt::topic, line.topic.value);
  out.put(LineAt::ledger, line.ledger.value);
  out.put(LineAt::first, line.extent.first.value);
  out.put(LineAt::last, line.extent.last.value);
  out.put(LineAt::offset, line.extent.offset);
  out.put(LineAt::bytes, line.extent.bytes);
  out.put(LineAt::index_count, line.extent.index_count);
  out.put(LineAt::crc, line.crc);
}

std::optional<std::vector<FooterLine>> decode_footer(std::span<const std::byte> bytes, std::uint64_t segment,
                                                     std::uint64_t file_bytes) {
  if (bytes.size() % kFooterLineBytes != 0) return std::nullopt;
  std::vector<FooterLine> lines;
  lines.reserve(bytes.size() / kFooterLineBytes);
  for (; !bytes.empty(); bytes = bytes.subspan(kFooterLineBytes)) {
    const FieldReader in(bytes);
    const FooterLine line{.topic = TopicId{in.get<std::uint64_t>(LineAt::topic)},
                          .ledger = LedgerId{in.get<std::uint64_t>(LineAt::ledger)},
                          .extent = {.segment = segment,
                                     .first = EntryId{in.get<std::uint64_t>(LineAt::first)},
                                     .last = EntryId{in.get<std::uint64_t>(LineAt::last)},
                                     .offset = in.get<std::uint64_t>(LineAt::offset),
                                     .bytes = in.get<std::uint64_t>(LineAt::bytes),
                                     .index_count = in.get<std::uint32_t>(LineAt::index_count)},
                          .crc = in.get<std::uint32_t>(LineAt::crc)};
    const Extent& extent = line.extent;
    if (extent.first > extent.last || extent.offset > file_bytes || extent.bytes > file_bytes - extent.offset)
      return std::nullopt;
    const std::uint64_t behind = file_bytes - extent.offset - extent.bytes;
    if (std::uint64_t{extent.index_count} * kIndexEntryBytes > behind) return std::nullopt;
    lines.push_back(line);
  }
  return lines;
}

void encode_segment_trailer(const SegmentTrailer& trailer, std::span<std::byte> into) {
  FieldWriter out(into.first(kSegmentTrailerBytes));
  for (std::size_t at = 0; at < kSegmentTrailerBytes; at += 8) out.put(at, std::uint64_t{0});
  out.put(TrailerAt::magic, kTrailerMagic);
  out.put(TrailerAt::directory, trailer.directory);
  out.put(TrailerAt::number, trailer.number);
  out.put(TrailerAt::footer_offset, trailer.footer_offset);
  out.put(TrailerAt::extents, trailer.extents);
  out.put(TrailerAt::footer_crc, trailer.footer_crc);
  out.put(TrailerAt::crc, crc_behind_magic<kSegmentTrailerBytes>(into));
}

std::optional<SegmentTrailer> decode_segment_trailer(std::span<const std::byte> bytes) {
  if (bytes.size() < kSegmentTrailerBytes) return std::nullopt;
  const FieldReader in(bytes);
  if (in.get<std::uint32_t>(TrailerAt::magic) != kTrailerMagic ||
      in.get<std::uint32_t>(TrailerAt::crc) != crc_behind_magic<kSegmentTrailerBytes>(bytes))
    return std::nullopt;
  return SegmentTrailer{.directory = in.get<RawUuid>(TrailerAt::directory),
                        .number = in.get<std::uint64_t>(TrailerAt::number),
                        .footer_offset = in.get<std::uint64_t>(TrailerAt::footer_offset),
                        .extents = in.get<std::uint64_t>(TrailerAt::extents),
                        .footer_crc = in.get<std::uint32_t>(TrailerAt::footer_crc)};
}

}  // namespace geminga::storage
