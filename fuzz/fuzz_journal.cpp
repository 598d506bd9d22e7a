// Recovery's reading of a journal file. The first byte chooses: the bytes as they are; or with the checksums
// of group headers set right, so that the parser behind them is reached; or as one operation, sealed.
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/fault_file_system.hpp"
#include "storage/journal_scan.hpp"

namespace {

using namespace geminga;
using namespace geminga::storage;

const RawUuid kDirectory = raw_uuid("0d3c8f3e-6f5b-4c5e-9a59-0b6c36d1a001");

void put_u32(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, 4);
}

void seal_groups(std::string& bytes) {
  for (std::size_t at = 0; at + kGroupHeaderBytes <= bytes.size(); at += kGroupAlignment) {
    std::memcpy(bytes.data() + at + 8, kDirectory.data(), kDirectory.size());
    put_u32(bytes, at + 4, base::crc32c(std::string_view(bytes).substr(at + 8, kGroupHeaderBytes - 8)));
  }
}

void read_journal(std::string bytes, bool skip_crc) {
  base::FaultFileSystem files;
  files.put("/d/" + journal_file_name(1), std::move(bytes));
  std::uint64_t last = 0;
  const auto scan = scan_journal(files, {.directory = "/d", .uuid = kDirectory, .skip_crc = skip_crc},
                                 [&](const ScannedGroup& group) {
                                   GEMINGA_ASSERT(group.header.number == last + 1);
                                   GEMINGA_ASSERT(group.parsed.readable);
                                   for (const JournalRecord& record : group.parsed.records)
                                     GEMINGA_ASSERT(record.bodies.size() <= record.operations.size());
                                   last = group.header.number;
                                   return Result<>();
                                 });
  GEMINGA_ASSERT(!scan || scan->last_group == last);
}

void read_operation(std::string bytes) {
  if (bytes.size() < kOperationHeaderBytes) return;
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + 32, sizeof size);
  if (static_cast<OperationKind>(bytes[4]) == OperationKind::append) size = kEntryHeaderBytes;
  if (size >= 4 && size <= bytes.size())
    put_u32(bytes, 0, base::crc32c(std::string_view(bytes).substr(4, size - 4)));
  const auto decoded = decode_operation(std::as_bytes(std::span(bytes)));
  if (!decoded) return;
  GEMINGA_ASSERT(decoded->bytes <= bytes.size());
  GEMINGA_ASSERT(decoded->bytes == encoded_bytes(decoded->operation));
  std::vector<std::byte> again(decoded->bytes);
  encode_operation(decoded->operation, again);
  GEMINGA_ASSERT(decode_operation(again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 3) {
    case 0:
      read_journal(std::move(bytes), false);
      break;
    case 1:
      seal_groups(bytes);
      read_journal(std::move(bytes), true);
      break;
    default:
      read_operation(std::move(bytes));
  }
  return 0;
}
