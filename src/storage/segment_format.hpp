#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "storage/segment.hpp"

/// Header, footer and trailer of a segment as bytes; docs/formats/segment.md has the tables. Pure functions.
namespace geminga::storage {

inline constexpr std::uint64_t kSegmentDataOffset = 4096;
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kSegmentTrailerBytes = 64;
inline constexpr std::size_t kFooterLineBytes = 56;
inline constexpr std::size_t kIndexEntryBytes = 16;
/// An index entry points at the first entry behind each of these.
inline constexpr std::uint64_t kIndexStepBytes = 64 << 10;

struct SegmentTrailer {
  RawUuid directory{};
  std::uint64_t number = 0;
  std::uint64_t footer_offset = 0;
  std::uint64_t extents = 0;
  std::uint32_t footer_crc = 0;
};

void encode_segment_header(const RawUuid& directory, std::uint64_t number, std::span<std::byte> into);
bool check_segment_header(const RawUuid& directory, std::uint64_t number, std::span<const std::byte> bytes);
void encode_footer_line(const FooterLine& line, std::span<std::byte> into);
/// `file_bytes` bounds what a line may claim. Nothing when one cannot be.
std::optional<std::vector<FooterLine>> decode_footer(std::span<const std::byte> bytes, std::uint64_t segment,
                                                     std::uint64_t file_bytes);
void encode_segment_trailer(const SegmentTrailer& trailer, std::span<std::byte> into);
std::optional<SegmentTrailer> decode_segment_trailer(std::span<const std::byte> bytes);

}  // namespace geminga::storage
