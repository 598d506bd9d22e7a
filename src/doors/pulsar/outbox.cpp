#include "doors/pulsar/outbox.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace geminga::doors::pulsar {

/// Where commands are written: the last block, as long as nobody has it and it is not full.
std::string& Outbox::text() {
  const bool open =
      segments_.size() > given_ && !segments_.back().in_place() && segments_.back().text.size() < kBlockBytes;
  if (!open) {
    segments_.push_back({.text = std::exchange(spare_, {})});
    segments_.back().text.clear();
    counted_ = 0;
  }
  return segments_.back().text;
}

void Outbox::put(Payload payload) {
  Segment* block = &segments_.back();
  if (payload.bytes.size() < kInPlaceBytes) {
    block->text += payload.bytes;
  } else {
    unsent_ += block->text.size() - counted_;
    segments_.push_back({.lying = payload.bytes, .owner = std::move(payload.owner)});
    counted_ = 0;
    block = &segments_.back();
  }
  if (!payload.to) return;
  if (!block->credits.empty() && block->credits.back().to == payload.to)
    block->credits.back().amount += payload.credit;
  else
    block->credits.push_back({.to = std::move(payload.to), .amount = payload.credit});
}

void Outbox::added() {
  const std::size_t bytes = segments_.back().bytes().size();
  unsent_ += bytes - counted_;
  counted_ = bytes;
  on_work_();
}

std::vector<std::string_view> Outbox::next(std::size_t pieces_max) {
  given_ = std::min(segments_.size(), pieces_max);
  std::vector<std::string_view> pieces;
  pieces.reserve(given_);
  for (std::size_t i = 0; i < given_; ++i) pieces.push_back(segments_[i].bytes());
  if (!pieces.empty()) pieces.front().remove_prefix(gone_);
  return pieces;
}

void Outbox::sent(std::size_t bytes) {
  GEMINGA_ASSERT(bytes <= unsent_);
  unsent_ -= bytes;
  gone_ += bytes;
  while (!segments_.empty() && given_ > 0 && gone_ >= segments_.front().bytes().size()) {
    Segment first = std::move(segments_.front());
    gone_ -= first.bytes().size();
    segments_.pop_front();
    --given_;
    for (const Credit& credit : first.credits) credit.to->on_sent(credit.amount);
    if (!first.in_place() && first.text.capacity() > spare_.capacity()) spare_ = std::move(first.text);
  }
  given_ = 0;
}

void Outbox::release() {
  if (segments_.empty()) spare_ = std::string();
}

void Outbox::clear() {
  segments_.clear();
  given_ = gone_ = counted_ = unsent_ = 0;
}

}  // namespace geminga::doors::pulsar
