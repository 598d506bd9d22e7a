#include "wire/pulsar/frame_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace geminga::wire::pulsar {

namespace {

// A batch of official clients is at most so large, and a little more comes with it.
constexpr std::size_t kGrantedMax = (1 << 20) + 4 * FrameBuffer::kRoomBytes;
// A read that brings less costs more than it moves.
constexpr std::size_t kReadBytesMin = FrameBuffer::kRoomBytes / 4;

}  // namespace

/// Moves what is pending to the front of `size` bytes, which it fits into.
void FrameBuffer::move_to(std::size_t size) {
  const std::size_t pending = pending_bytes();
  if (size == size_ && !kept_) {
    if (pending > 0) std::memmove(bytes_.get(), bytes_.get() + begin_, pending);
  } else {
    auto other = size == 0 ? nullptr : std::make_shared_for_overwrite<char[]>(size);
    if (pending > 0) std::memcpy(other.get(), bytes_.get() + begin_, pending);
    bytes_ = std::move(other);
    size_ = size;
    kept_ = false;
    granted_ = std::min(std::max(granted_, size), kGrantedMax);
  }
  begin_ = 0;
  end_ = pending;
}

/// Of the frame that begins what is pending, as far as can be told.
std::size_t FrameBuffer::pending_frame_bytes() const noexcept {
  const auto cut = cut_frame({bytes_.get() + begin_, pending_bytes()}, frame_bytes_max_);
  return cut ? cut->wanted_bytes : 0;
}

/// In memory that is kept nothing moves, but what is behind it may be filled.
bool FrameBuffer::goes_on_here(std::size_t frame) const noexcept {
  const std::size_t left = size_ - end_;
  return frame <= size_ - begin_ && left > 0 && (frame > kRoomBytes || left >= kReadBytesMin);
}

/// Twice what has arrived: a peer has to send as much as it makes us hold, and a large frame is moved a few
/// times only, of which the last ones count; no more than it needs, and what an earlier one had at once.
std::size_t FrameBuffer::wanted_bytes(std::size_t frame) const noexcept {
  const std::size_t pending = pending_bytes();
  if (frame <= pending) return std::max(kRoomBytes, 2 * pending);  // nobody takes it
  const std::size_t enough = frame + kRoomBytes;
  const std::size_t granted = frame > kRoomBytes ? std::min(granted_, enough) : 0;
  return std::max({kRoomBytes, std::min(2 * pending, enough), granted});
}

std::span<char> FrameBuffer::room() {
  const std::size_t frame = pending_frame_bytes();
  if (kept_) {
    if (!goes_on_here(frame)) move_to(wanted_bytes(frame));
  } else if (const std::size_t wanted = wanted_bytes(frame); size_ < wanted) {
    move_to(wanted);
  } else if (begin_ > 0) {
    move_to(size_);
  }
  return {bytes_.get() + end_, size_ - end_};
}

void FrameBuffer::filled(std::size_t count) noexcept {
  end_ += std::min(count, size_ - end_);
}

Parsed<std::optional<std::string_view>> FrameBuffer::next() noexcept {
  const auto cut = cut_frame({bytes_.get() + begin_, end_ - begin_}, frame_bytes_max_);
  if (!cut) return std::unexpected(cut.error());
  if (cut->frame.empty()) return std::nullopt;
  begin_ += cut->frame.size();
  return cut->frame;
}

void FrameBuffer::release() {
  if (size_ != pending_bytes() || kept_) move_to(pending_bytes());
}

}  // namespace geminga::wire::pulsar
