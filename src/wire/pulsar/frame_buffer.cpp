#include "wire/pulsar/frame_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace geminga::wire::pulsar {

std::span<char> FrameBuffer::room() {
  const std::size_t pending = end_ - begin_;
  const std::size_t needed = std::max(kRoomBytes, wanted_);
  if (bytes_.size() < needed) {
    std::vector<char> larger(std::max(needed, 2 * bytes_.size()));
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), pending, larger.begin());
    bytes_ = std::move(larger);
  } else if (begin_ > 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, pending);
  }
  begin_ = 0;
  end_ = pending;
  GEMINGA_ASSERT(end_ < bytes_.size());  // whoever asks for room has taken the whole frames
  return std::span(bytes_).subspan(end_);
}

void FrameBuffer::filled(std::size_t count) noexcept {
  GEMINGA_ASSERT(count <= bytes_.size() - end_);
  end_ += count;
}

Parsed<std::optional<std::string_view>> FrameBuffer::next() noexcept {
  const auto cut = cut_frame({bytes_.data() + begin_, end_ - begin_}, frame_bytes_max_);
  if (!cut) return std::unexpected(cut.error());
  wanted_ = cut->wanted_bytes;
  if (cut->frame.empty()) return std::nullopt;
  begin_ += cut->frame.size();
  wanted_ = 0;
  return cut->frame;
}

void FrameBuffer::release_if_empty() noexcept {
  if (begin_ != end_) return;
  bytes_ = {};
  begin_ = end_ = wanted_ = 0;
}

}  // namespace geminga::wire::pulsar
