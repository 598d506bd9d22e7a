#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "wire/pulsar/frame.hpp"

namespace geminga::wire::pulsar {

/// Where a connection reads into, and whole frames come out, each in one piece.
///
///     buffer.filled(socket.read_some(buffer.room()));
///     const Parsed<> taken = buffer.take([&](std::string_view frame) { ...; return true; });
///     if (!taken) ...                                   // close: where the next frame begins is not known
///
/// It grows with what has arrived and not with what a size claims, to the largest frame, and keeps that, so a
/// busy connection allocates nothing; release() gives it back. What moves is the beginning of a frame that is
/// not whole yet. Who needs frames for longer keeps the memory that they lie in, and the buffer goes on in
/// other memory when that is full. No order of calls and nothing that a peer sends is an error of the caller:
/// who does not take, keeps; who goes on after a fault gets the fault again. One thread at a time.
class FrameBuffer {
 public:
  static constexpr std::size_t kRoomBytes = std::size_t{64} << 10;  ///< the least memory to read into

  explicit FrameBuffer(std::uint32_t frame_bytes_max = kFrameBytesMax) noexcept
      : frame_bytes_max_(frame_bytes_max) {}

  /// From the next frame on; a connection may send more when it is known whose it is.
  void set_frame_bytes_max(std::uint32_t bytes) noexcept { frame_bytes_max_ = bytes; }

  /// Room to read into, never empty. Ends the life of all frames so far that are not kept.
  std::span<char> room();

  /// The first `count` bytes of the room are there now; more than it has are not counted.
  void filled(std::size_t count) noexcept;

  /// Calls `on_frame(frame)` for each that is whole, its size in front, until it returns false or there is no
  /// more. Frames live until room() or release(). Faults: those of cut_frame.
  template <std::predicate<std::string_view> OnFrame>
  [[nodiscard]] Parsed<> take(OnFrame&& on_frame) {
    for (;;) {
      const auto frame = next();
      if (!frame) return std::unexpected(frame.error());
      if (!*frame || !on_frame(**frame)) return {};
    }
  }

  /// The frames since the last room() stay where they are as long as what it returns lives; any thread may
  /// let go of it. They are part of held_bytes(), which all live that long.
  [[nodiscard]] std::shared_ptr<const void> keep() noexcept {
    kept_ = true;
    return bytes_;
  }

  /// Bytes that were not taken; a connection that ends with some was cut.
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return end_ - begin_; }
  /// Memory that it has now.
  [[nodiscard]] std::size_t held_bytes() const noexcept { return size_; }

  /// For a connection at rest: holds no more than what is pending. Ends the life of all frames so far that
  /// are not kept.
  void release();

 private:
  Parsed<std::optional<std::string_view>> next() noexcept;
  [[nodiscard]] std::size_t pending_frame_bytes() const noexcept;
  [[nodiscard]] std::size_t wanted_bytes(std::size_t frame) const noexcept;
  [[nodiscard]] bool goes_on_here(std::size_t frame) const noexcept;
  void move_to(std::size_t size);

  std::shared_ptr<char[]> bytes_;
  bool kept_ = false;        ///< others look at what was taken from bytes_
  std::size_t granted_ = 0;  ///< the most that it had, up to a bound: what a large frame gets at once
  std::size_t size_ = 0;     ///< of bytes_
  std::size_t begin_ = 0;    ///< of what was not taken
  std::size_t end_ = 0;      ///< of what was received
  std::uint32_t frame_bytes_max_;
};

}  // namespace geminga::wire::pulsar
