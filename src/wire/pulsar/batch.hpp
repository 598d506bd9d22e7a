#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/pulsar/fault.hpp"
#include "wire/pulsar/metadata.hpp"

/// The payload of an entry that holds several messages, when it is neither compressed nor encrypted:
///
///     { [metadata size u32] [SingleMessageMetadata] [payload, of the size that stands in the metadata] } ...
namespace geminga::wire::pulsar {

struct BatchMessage {
  SingleMessageMetadata metadata;
  std::string_view payload;
};

/// Goes over the messages of a batch; all views point into the payload of the entry.
class BatchReader {
 public:
  /// `messages` as the entry's metadata says, num_messages_in_batch.
  BatchReader(std::string_view payload, std::int32_t messages) noexcept
      : rest_(payload), messages_(messages) {}

  /// The next message, or nothing behind the last. Faults: bad_batch (it ends too early, or bytes are left
  /// over), bad_protobuf, missing_field; the reader stays at a fault.
  Parsed<std::optional<BatchMessage>> next() noexcept;

 private:
  [[nodiscard]] std::unexpected<WireError> lie(std::string_view what) const noexcept;

  std::string_view rest_;
  std::int32_t messages_;
  std::int32_t taken_ = 0;
};

/// Puts messages together to the payload of one entry.
class BatchWriter {
 public:
  /// Copies both. The payload's size is set here, whatever stands in the metadata.
  void add(SingleMessageMetadata metadata, std::string_view payload);

  [[nodiscard]] std::int32_t messages() const noexcept { return messages_; }
  [[nodiscard]] std::string_view payload() const noexcept { return payload_; }

  /// For the next batch, in the same memory.
  void clear() noexcept;

 private:
  std::string payload_;
  std::int32_t messages_ = 0;
};

}  // namespace geminga::wire::pulsar
