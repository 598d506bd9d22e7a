#include "wire/pulsar/frame_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace geminga::wire::pulsar {

/// Moves what is pending to the front of `size` bytes, which it fits into.
void FrameBuffer::move_to(std::size_t size) {
  const std::size_t pending = pending_bytes();
  if (size == size_) {
    if (pending > 0) std::memmove(bytes_.get(), bytes_.get() + begin_, pending);
  } else {
    auto other = size == 0 ? nullptr : std::make_unique_for_overwrite<char[]>(size);
    if (pending > 0) std::memcpy(other.get(), bytes_.get() + begin_, pending);
    bytes_ = std::move(other);
    size_ = size;
  }
  begin_ = 0;
  end_ = pending;
}

std::span<char> FrameBuffer::room() {
  // Twice what has arrived: a peer has to send as much as it makes us hold, and a large frame is moved a few
  // times only, of which the last ones count.
  const std::size_t wanted = std::max(kRoomBytes, 2 * pending_bytes());
  if (size_ < wanted)
    move_to(wanted);
  else if (begin_ > 0)
    move_to(size_);
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
  if (size_ != pending_bytes()) move_to(pending_bytes());
}

}  // namespace geminga::wire::pulsar
