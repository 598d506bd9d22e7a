#include "wire/pulsar/fault.hpp"

#include <fmt/format.h>

#include "wire/pulsar/varint.hpp"

namespace geminga::wire::pulsar {

namespace {

/// Who comes to the wrong port sends as the size of a frame what another protocol begins with. Empty: it
/// looks like none of those.
std::string_view other_protocol(std::uint64_t size) {
  if (size >> 16 == 0x1603)
    return "this is the beginning of a TLS handshake, and this port speaks Pulsar's protocol without TLS; "
           "use pulsar:// in place of pulsar+ssl://, or the port for TLS";
  char bytes[kSizeBytes];
  write_big_endian(bytes, static_cast<std::uint32_t>(size));
  const std::string_view first(bytes, kSizeBytes);
  for (const std::string_view method : {"GET ", "PUT ", "POST", "HEAD", "DELE", "OPTI", "PATC", "PRI "})
    if (first == method)
      return "this is an HTTP request, and this port speaks Pulsar's binary protocol; use the HTTP port, or "
             "pulsar:// in place of http://";
  return {};
}

}  // namespace

std::string WireError::text() const {
  switch (fault) {
    case Fault::frame_too_small:
      return fmt::format("a frame of {} bytes cannot hold the size of a command", found);
    case Fault::frame_too_large:
      if (const std::string_view other = other_protocol(found - kSizeBytes); !other.empty())
        return std::string(other);
      return fmt::format("a frame of {} bytes is over the limit of {}; send smaller messages, or in chunks",
                         found, limit);
    case Fault::command_too_large:
      return fmt::format("a command of {} bytes in a frame that has {} for it", found, limit);
    case Fault::truncated:
      return fmt::format("{}: {} bytes are needed and the frame has {}", part, found, limit);
    case Fault::bad_checksum:
      return fmt::format(
          "{}: the checksum is {:08x} and the bytes have {:08x}; they were changed on their way", part, found,
          limit);
    case Fault::bad_protobuf:
      return fmt::format("{}: the fields cannot be taken apart", part);
    case Fault::missing_field:
      return fmt::format("{}: the required field {} is missing", part, found);
    case Fault::unknown_command:
      return fmt::format("no command has the number {}", found);
    case Fault::bad_batch:
      return fmt::format("message {} of a batch of {}: {}", found, limit, part);
    case Fault::bad_compression:
      if (limit > 0)
        return fmt::format("a payload is to be unpacked to {} bytes; {} is the limit", found, limit);
      return fmt::format("a packed payload does not become the {} bytes that its metadata says", found);
  }
  return "an unknown fault";
}

Error WireError::error() const {
  switch (fault) {
    case Fault::frame_too_large:
      return Error{ErrorCode::too_large, text()};
    case Fault::bad_checksum:
      return Error{ErrorCode::corrupted, text()};
    default:
      return Error{ErrorCode::parse_error, text()};
  }
}

}  // namespace geminga::wire::pulsar
