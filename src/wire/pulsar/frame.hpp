#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/pulsar/codec.hpp"

/// Frames, and the command of each. All sizes are big endian and count what follows them:
///
///     [total size u32] [command size u32] [BaseCommand] [entry, in SEND and MESSAGE only]
///
/// entry.hpp takes the entry apart.
namespace geminga::wire::pulsar {

inline constexpr std::uint32_t kMessageBytesMax = 5u << 20;  ///< Pulsar's default for metadata and payload
inline constexpr std::uint32_t kFramePadding = 10u << 10;    ///< what a frame may have beyond its message
inline constexpr std::uint32_t kFrameBytesMax =
    kMessageBytesMax + kFramePadding;  ///< its first size included

/// The first frame of what was received.
struct Cut {
  std::string_view frame;    ///< with its size; empty while bytes are missing
  std::size_t wanted_bytes;  ///< how many it needs, from its first byte on, as far as can be told by now
};

/// Looks at no more than the two sizes, so it may be asked after every piece; a frame that cannot be is
/// refused as soon as these are there, before anybody makes room for it. Faults: frame_too_small,
/// frame_too_large, command_too_large.
Parsed<Cut> cut_frame(std::string_view received, std::uint32_t frame_bytes_max = kFrameBytesMax) noexcept;

struct Frame {
  CommandType type{};
  std::string_view command;  ///< the bytes of its message, for decode()
  std::string_view entry;    ///< what stands behind the command, untouched
};

/// Takes a whole frame apart, with its size in front. Faults: those of cut_frame, truncated, bad_protobuf,
/// missing_field (it has no type), unknown_command.
Parsed<Frame> parse_frame(std::string_view frame, std::uint32_t frame_bytes_max = kFrameBytesMax) noexcept;

/// Appends the frame of a command, up to where an entry of that many bytes follows.
template <Command Message>
void append_frame(std::string& out, const Message& command, std::size_t entry_bytes = 0);

}  // namespace geminga::wire::pulsar
