#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "wire/pulsar/frame.hpp"

namespace geminga::wire::pulsar {

/// Where a connection reads into, and whole frames come out, each in one piece. What moves is the beginning
/// of a frame that is not whole yet, once. It grows to the largest frame and keeps that, so a busy connection
/// allocates nothing, and gives everything back when it is told that the connection rests.
///
///     auto room = buffer.room();                        // read from the socket into it
///     buffer.filled(count);
///     while (auto frame = buffer.next(); frame && *frame) { ... **frame ... }
///
/// One thread at a time. After a fault the connection cannot go on: where the next frame begins is not known.
class FrameBuffer {
 public:
  static constexpr std::size_t kRoomBytes = std::size_t{64} << 10;  ///< the least that it holds

  explicit FrameBuffer(std::uint32_t frame_bytes_max = kFrameBytesMax) noexcept
      : frame_bytes_max_(frame_bytes_max) {}

  /// Room to read into, enough for the rest of the frame that has begun. To be asked for when `next` has
  /// nothing more. Ends the life of all frames so far.
  std::span<char> room();

  /// The first `count` bytes of the room are there now.
  void filled(std::size_t count) noexcept;

  /// The next frame that is whole, with its size in front, or nothing. Faults: those of cut_frame.
  Parsed<std::optional<std::string_view>> next() noexcept;

  /// Bytes that belong to no whole frame yet; a connection that ends with some was cut.
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return end_ - begin_; }

  /// Gives the memory back when nothing is pending. Ends the life of all frames so far.
  void release_if_empty() noexcept;

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;   ///< of what was not taken
  std::size_t end_ = 0;     ///< of what was received
  std::size_t wanted_ = 0;  ///< bytes of the frame at `begin_`, as far as known
  std::uint32_t frame_bytes_max_;
};

}  // namespace geminga::wire::pulsar
