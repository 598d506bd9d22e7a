#include "wire/pulsar/batch.hpp"

#include <algorithm>
#include <limits>

#include "base/assert.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/varint.hpp"

namespace geminga::wire::pulsar {

std::unexpected<WireError> BatchReader::lie(std::string_view what) const noexcept {
  return std::unexpected(WireError{.fault = Fault::bad_batch,
                                   .part = what,
                                   .found = static_cast<std::uint64_t>(taken_),
                                   .limit = static_cast<std::uint64_t>(std::max(messages_, 0))});
}

Parsed<std::optional<BatchMessage>> BatchReader::next() noexcept {
  if (taken_ >= messages_) {
    if (!rest_.empty()) return lie("bytes are left behind it");
    return std::nullopt;
  }
  if (rest_.size() < kSizeBytes) return lie("the payload ends before it");
  const auto size = read_big_endian<std::uint32_t>(rest_.data());
  if (size > rest_.size() - kSizeBytes) return lie("the payload ends within its metadata");
  const auto metadata = decode<SingleMessageMetadata>(rest_.substr(kSizeBytes, size));
  if (!metadata) return std::unexpected(metadata.error());
  const std::string_view behind = rest_.substr(kSizeBytes + size);
  if (metadata->payload_size < 0) return lie("it has a negative size");
  const auto payload_size = static_cast<std::size_t>(metadata->payload_size);
  if (payload_size > behind.size()) return lie("the payload ends within it");
  rest_ = behind.substr(payload_size);
  ++taken_;
  return BatchMessage{.metadata = *metadata, .payload = behind.substr(0, payload_size)};
}

void BatchWriter::add(SingleMessageMetadata metadata, std::string_view payload) {
  GEMINGA_ASSERT(payload.size() <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
  metadata.payload_size = static_cast<std::int32_t>(payload.size());
  const std::size_t size = encoded_size(metadata);
  const std::size_t before = payload_.size();
  payload_.resize(before + kSizeBytes + size);
  encode(metadata, write_big_endian(payload_.data() + before, static_cast<std::uint32_t>(size)));
  payload_.append(payload);
  ++messages_;
}

void BatchWriter::clear() noexcept {
  payload_.clear();
  messages_ = 0;
}

}  // namespace geminga::wire::pulsar
