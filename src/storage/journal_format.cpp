#include "storage/journal_format.hpp"

#include <algorithm>

#include "base/crc32c.hpp"

namespace geminga::storage {
namespace {

constexpr std::uint32_t kGroupMagic = 0x31'47'4a'47;  // "GJG1" on disk

struct GroupAt {
  static constexpr std::size_t kMagic = 0, kCrc = 4, kDirectory = 8, kGeneration = 24, kNumber = 32,
                               kDurable = 40, kRecords = 48, kReserved = 52, kBytes = 56;
};
static_assert(GroupAt::kBytes + sizeof(std::uint64_t) == kGroupHeaderBytes);

struct RecordAt {
  static constexpr std::size_t kCrc = 0, kOperations = 4, kOperationBytes = 8, kReserved = 12,
                               kBodyBytes = 16;
};
static_assert(RecordAt::kBodyBytes + sizeof(std::uint64_t) == kRecordHeaderBytes);

/// Reads the operations and finds the bodies of one record whose lengths were checked. False: unreadable.
bool parse_operations(std::span<const std::byte> operations, std::span<const std::byte> bodies,
                      std::uint32_t count, bool verify, JournalRecord& record) {
  for (std::uint32_t i = 0; i < count; ++i) {
    auto decoded = decode_operation(operations);
    if (!decoded) return false;
    operations = operations.subspan(decoded->bytes);
    if (const auto* header = std::get_if<EntryHeader>(&decoded->operation)) {
      if (header->body_bytes > bodies.size()) return false;
      const auto body = as_text(bodies.first(header->body_bytes));
      bodies = bodies.subspan(header->body_bytes);
      if (verify && base::crc32c(body) != header->body_crc) record.damaged.push_back(record.bodies.size());
      record.bodies.push_back(body);
    }
    record.operations.push_back(std::move(decoded->operation));
  }
  return operations.empty() && bodies.empty();
}

/// Bytes taken; nothing when the record is unreadable.
std::optional<std::size_t> parse_record(std::span<const std::byte> bytes, bool verify,
                                        JournalRecord& record) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  const FieldReader in(bytes);
  const auto operation_bytes = in.get<std::uint32_t>(RecordAt::kOperationBytes);
  const auto body_bytes = in.get<std::uint64_t>(RecordAt::kBodyBytes);
  const std::size_t room = bytes.size() - kRecordHeaderBytes;
  if (operation_bytes > room || body_bytes > room - operation_bytes) return std::nullopt;
  const std::size_t total = record_bytes(operation_bytes, body_bytes);
  if (total > bytes.size()) return std::nullopt;
  const auto sealed = bytes.first(kRecordHeaderBytes + operation_bytes);
  if (verify && in.get<std::uint32_t>(RecordAt::kCrc) != base::crc32c(sealed.subspan(RecordAt::kOperations)))
    return std::nullopt;
  if (!parse_operations(sealed.subspan(kRecordHeaderBytes), bytes.subspan(sealed.size(), body_bytes),
                        in.get<std::uint32_t>(RecordAt::kOperations), verify, record))
    return std::nullopt;
  return total;
}

}  // namespace

std::uint64_t group_bytes(const GroupHeader& header) {
  return round_up(kGroupHeaderBytes + header.bytes, kGroupAlignment);
}

void encode_group_header(const GroupHeader& header, std::span<std::byte> into) {
  FieldWriter out(into.first(kGroupHeaderBytes));
  out.put(GroupAt::kMagic, kGroupMagic);
  out.put(GroupAt::kDirectory, header.directory);
  out.put(GroupAt::kGeneration, header.generation);
  out.put(GroupAt::kNumber, header.number);
  out.put(GroupAt::kDurable, header.durable);
  out.put(GroupAt::kRecords, header.records);
  out.put(GroupAt::kReserved, std::uint32_t{0});
  out.put(GroupAt::kBytes, header.bytes);
  out.put(GroupAt::kCrc, base::crc32c(into.first(kGroupHeaderBytes).subspan(GroupAt::kDirectory)));
}

std::optional<GroupHeader> decode_group_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kGroupHeaderBytes) return std::nullopt;
  const FieldReader in(bytes);
  if (in.get<std::uint32_t>(GroupAt::kMagic) != kGroupMagic) return std::nullopt;
  if (in.get<std::uint32_t>(GroupAt::kCrc) !=
      base::crc32c(bytes.first(kGroupHeaderBytes).subspan(GroupAt::kDirectory)))
    return std::nullopt;
  const GroupHeader header{
      .directory = in.get<RawUuid>(GroupAt::kDirectory),
      .generation = in.get<std::uint64_t>(GroupAt::kGeneration),
      .number = in.get<std::uint64_t>(GroupAt::kNumber),
      .durable = in.get<std::uint64_t>(GroupAt::kDurable),
      .records = in.get<std::uint32_t>(GroupAt::kRecords),
      .bytes = in.get<std::uint64_t>(GroupAt::kBytes),
  };
  if (header.bytes > kRecordBytesMax) return std::nullopt;
  return header;
}

void seal_record(std::span<std::byte> record, std::uint32_t operations, std::uint32_t operation_bytes,
                 std::uint64_t body_bytes) {
  FieldWriter out(record);
  out.put(RecordAt::kOperations, operations);
  out.put(RecordAt::kOperationBytes, operation_bytes);
  out.put(RecordAt::kReserved, std::uint32_t{0});
  out.put(RecordAt::kBodyBytes, body_bytes);
  const auto sealed = record.first(kRecordHeaderBytes + operation_bytes);
  out.put(RecordAt::kCrc, base::crc32c(std::span<const std::byte>(sealed.subspan(RecordAt::kOperations))));
}

bool ParsedGroup::intact() const {
  return readable && std::all_of(records.begin(), records.end(),
                                 [](const JournalRecord& record) { return record.damaged.empty(); });
}

ParsedGroup parse_group(const GroupHeader& header, std::span<const std::byte> records, bool verify) {
  ParsedGroup group;
  while (!records.empty()) {
    JournalRecord record;
    const auto taken = parse_record(records, verify, record);
    if (!taken) {
      group.readable = false;
      return group;
    }
    group.records.push_back(std::move(record));
    records = records.subspan(*taken);
  }
  group.readable = group.records.size() == header.records;
  return group;
}

}  // namespace geminga::storage
