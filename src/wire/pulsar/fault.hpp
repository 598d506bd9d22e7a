#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::wire::pulsar {

/// What is wrong with bytes that a peer sent.
enum class Fault : std::uint8_t {
  frame_too_small,    ///< a frame that cannot hold the size of its command
  frame_too_large,    ///< a frame over the limit of this connection
  command_too_large,  ///< a command that is larger than its frame
  truncated,          ///< the frame ends within the headers of its message
  bad_checksum,       ///< the message is not what its sender summed up
  bad_protobuf,       ///< fields that cannot be taken apart
  missing_field,      ///< a required field is absent
  unknown_command,    ///< a command of a number that we do not know
  bad_batch,          ///< a batch that is not what its metadata says
  bad_compression,    ///< a packed payload that is not what its metadata says
};

/// Made without allocation, so that a flood of bad frames costs little; `text()` is for the log and for the
/// peer.
struct WireError {
  Fault fault = Fault::bad_protobuf;
  std::string_view part{};  ///< the message or piece that was being read; a literal
  std::uint64_t found = 0;  ///< the offending size, number or checksum
  std::uint64_t limit = 0;  ///< what it was measured against; 0 where nothing

  [[nodiscard]] std::string text() const;

  /// For who passes it on as one of ours: too_large, corrupted or parse_error.
  [[nodiscard]] Error error() const;
};

template <class T = void>
using Parsed = std::expected<T, WireError>;

}  // namespace geminga::wire::pulsar
