// A segment file: opened, verified and read whatever it holds. The first byte chooses whether the checksums
// of header, footer and trailer are set right first.
#include <cstdint>
#include <cstring>
#include <string>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/fault_file_system.hpp"
#include "storage/segment_format.hpp"

namespace {

using namespace geminga;
using namespace geminga::storage;

const RawUuid kDirectory = raw_uuid("0d3c8f3e-6f5b-4c5e-9a59-0b6c36d1a001");
constexpr std::uint64_t kNumber = 1;

void seal(std::string& bytes) {
  if (bytes.size() < kSegmentDataOffset + kSegmentTrailerBytes) return;
  const auto all = std::as_writable_bytes(std::span(bytes));
  encode_segment_header(kDirectory, kNumber, all);
  SegmentTrailer trailer{.directory = kDirectory, .number = kNumber};
  const std::size_t at = bytes.size() - kSegmentTrailerBytes;
  std::memcpy(&trailer.footer_offset, bytes.data() + at + 32, 8);
  std::memcpy(&trailer.extents, bytes.data() + at + 40, 8);
  if (trailer.footer_offset <= at && trailer.extents <= (at - trailer.footer_offset) / kFooterLineBytes)
    trailer.footer_crc = base::crc32c(
        std::string_view(bytes).substr(trailer.footer_offset, trailer.extents * kFooterLineBytes));
  encode_segment_trailer(trailer, all.subspan(at));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 1) seal(bytes);
  base::FaultFileSystem files;
  const std::string path = "/d/" + segment_file_name(kNumber);
  files.put(path, bytes);
  const auto reader = SegmentReader::open(files, path, kDirectory, kNumber, data[0] % 4 < 2);
  if (!reader) return 0;
  const auto footer = (*reader)->read_footer();
  if (!footer) return 0;
  BlockPool blocks(0);
  for (const FooterLine& line : *footer) {
    static_cast<void>((*reader)->verify(line));
    for (const EntryId from : {line.extent.first, line.extent.last}) {
      std::vector<Entry> entries;
      std::uint64_t used = 0;
      const auto read = (*reader)->read(
          line.extent, from, {.topic = line.topic, .from = from, .entries_max = 50, .bytes_max = 4096},
          blocks, entries, used);
      for (const Entry& entry : entries) {
        GEMINGA_ASSERT(entry.header.topic == line.topic);
        GEMINGA_ASSERT(entry.header.entry >= from);
        GEMINGA_ASSERT(entry.body.size() == entry.header.body_bytes);
      }
      GEMINGA_ASSERT(read || read.error().code == ErrorCode::corrupted);
    }
  }
  return 0;
}
