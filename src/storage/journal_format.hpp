#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/bytes.hpp"
#include "storage/operation_codec.hpp"

/// Groups and records of the journal as bytes; docs/formats/journal.md has the tables. Pure functions.
namespace geminga::storage {

/// Groups begin at multiples of this and are padded to it with zeros.
inline constexpr std::uint64_t kGroupAlignment = 4096;
inline constexpr std::size_t kGroupHeaderBytes = 64;
inline constexpr std::size_t kRecordHeaderBytes = 24;
inline constexpr std::size_t kRecordAlignment = 8;
/// A record that does not fit into memory a few times over would break the bounds of the log. A group holds
/// one of this size at most, or several small ones.
inline constexpr std::uint64_t kRecordBytesMax = 128ULL << 20;

struct GroupHeader {
  RawUuid directory{};
  std::uint64_t generation = 0;  ///< of the journal file; a recycled file still holds groups of older ones
  std::uint64_t number = 0;      ///< rises by one from group to group, over files
  std::uint64_t durable = 0;     ///< number of the last group that was synced when this one was formed
  std::uint32_t records = 0;
  std::uint64_t bytes = 0;  ///< of the records, without this header and the padding
};

/// Header, records and padding.
std::uint64_t group_bytes(const GroupHeader& header);
/// `into` has kGroupHeaderBytes.
void encode_group_header(const GroupHeader& header, std::span<std::byte> into);
/// Nothing when it is no group header, its CRC is wrong, or it names more bytes than a group has.
std::optional<GroupHeader> decode_group_header(std::span<const std::byte> bytes);

/// Bytes of a record with its padding.
constexpr std::uint64_t record_bytes(std::uint64_t operation_bytes, std::uint64_t body_bytes) {
  return round_up(kRecordHeaderBytes + operation_bytes + body_bytes, kRecordAlignment);
}
/// Writes the record header in front of `operation_bytes` of encoded operations that stand already at
/// record + kRecordHeaderBytes.
void seal_record(std::span<std::byte> record, std::uint32_t operations, std::uint32_t operation_bytes,
                 std::uint64_t body_bytes);

struct JournalRecord {
  std::vector<JournalOperation> operations;
  std::vector<std::string_view> bodies;  ///< of the appends, in order; into the group's bytes
  std::vector<std::size_t> damaged;      ///< which of the bodies have a wrong CRC
};

/// What stands in a group. Three outcomes: intact; readable but with damaged bodies (the topics can be
/// named); or not readable from some record on.
struct ParsedGroup {
  std::vector<JournalRecord> records;
  bool readable = true;
  [[nodiscard]] bool intact() const;
};

/// `records` are the header.bytes behind the group header. `verify` false is the unsafe switch skip_crc.
ParsedGroup parse_group(const GroupHeader& header, std::span<const std::byte> records, bool verify = true);

}  // namespace geminga::storage
