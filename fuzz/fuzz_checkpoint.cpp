// A checkpoint, with its checksum set right so that the parser behind it is reached. What is read must be
// written back as something that reads the same.
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "storage/checkpoint.hpp"

namespace {

using namespace geminga;
using namespace geminga::storage;

std::string encode(const RawUuid& directory, const Checkpoint& checkpoint) {
  CheckpointStates states(checkpoint.covered, checkpoint.next_ledger);
  for (const Checkpoint::TopicPart& topic : checkpoint.topics)
    states.add(topic.id, topic.state, topic.sequences);
  return encode_checkpoint(directory, states, checkpoint);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const RawUuid kDirectory = raw_uuid("0d3c8f3e-6f5b-4c5e-9a59-0b6c36d1a001");
  std::string bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(decode_checkpoint(kDirectory, std::as_bytes(std::span(bytes))));
  const std::uint32_t crc = base::crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  const auto checkpoint = decode_checkpoint(kDirectory, std::as_bytes(std::span(bytes)));
  if (!checkpoint) return 0;
  const std::string once = encode(kDirectory, *checkpoint);
  const auto again = decode_checkpoint(kDirectory, std::as_bytes(std::span(once)));
  GEMINGA_ASSERT(again);
  GEMINGA_ASSERT(encode(kDirectory, *again) == once);
  return 0;
}
