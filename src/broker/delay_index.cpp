#include "broker/delay_index.hpp"

namespace geminga::broker {
namespace {

constexpr std::size_t kInMemoryMin = 4;  // whatever the budget says

}  // namespace

void DelayIndex::hold(const Held& held) {
  if (key_of(held) < horizon_ && heap_.size() >= kInMemoryMin && share_.spent()) let_go_of_last_quarter();
  if (key_of(held) < horizon_) return push(held);
  far_ += 1;
}

void DelayIndex::push(const Held& held) {
  // By less than double: the spare room is memory too.
  if (heap_.size() == heap_.capacity()) heap_.reserve(heap_.size() + heap_.size() / 4 + 16);
  heap_.push_back(held);
  std::ranges::push_heap(heap_, later);
  share_.set(heap_.size() * sizeof(Held));
}

/// A quarter at a time, so that the cost of choosing them is spread over as many.
void DelayIndex::let_go_of_last_quarter() {
  const std::size_t gone = (heap_.size() + 3) / 4;
  const std::size_t kept = heap_.size() - gone;
  const auto last_quarter = heap_.begin() + static_cast<std::ptrdiff_t>(kept);
  std::ranges::nth_element(heap_, last_quarter, {}, key_of);
  horizon_ = key_of(*last_quarter);
  heap_.resize(kept);
  std::ranges::make_heap(heap_, later);
  far_ += gone;
  low_ = kept / 4;
  removed();
}

std::optional<Held> DelayIndex::take_due(Timestamp now) {
  if (heap_.empty() || heap_.front().deliver_at > now || key_of(heap_.front()) >= complete_to())
    return std::nullopt;
  const Held first = heap_.front();
  std::ranges::pop_heap(heap_, later);
  heap_.pop_back();
  removed();
  return first;
}

bool DelayIndex::due(Timestamp now) const {
  return (!heap_.empty() && heap_.front().deliver_at <= now) || complete_to().deliver_at <= now;
}

std::optional<Timestamp> DelayIndex::next_due(Timestamp now) const {
  if (due(now)) return std::nullopt;
  if (size() == 0) return std::nullopt;
  const Timestamp there = heap_.empty() ? Timestamp::max() : heap_.front().deliver_at;
  return std::min(there, complete_to().deliver_at);
}

void DelayIndex::drop_before(EntryId next, EntryId end) {
  const std::size_t gone = std::erase_if(heap_, [&](const Held& held) { return held.entry < next; });
  if (gone > 0) std::ranges::make_heap(heap_, later);
  removed();
  if (next >= end) {
    scan_.reset();
    horizon_ = kNever;
    far_ = uncounted_ = 0;
  }
  // Some of those may be gone. The next scan counts them; that is no reason for one.
  far_ = std::min(far_, end.value - std::min(next, end).value);
}

void DelayIndex::clear() {
  drop_before(kNever.entry, EntryId{});
}

void DelayIndex::removed() {
  share_.set(heap_.size() * sizeof(Held));
  if (heap_.size() < heap_.capacity() / 4) heap_.shrink_to_fit();
}

// --- the log is read again
// --------------------------------------------------------------------------------------------

std::optional<EntryId> DelayIndex::next_scan(EntryId first, EntryId end) {
  if (!scan_ && far_ > 0 && heap_.size() <= low_) {
    scan_ = Scan{.next = first, .end = end, .from = horizon_};
    uncounted_ = std::exchange(far_, 0);
    horizon_ = kNever;
  }
  if (!scan_) return std::nullopt;
  scan_->next = std::max(scan_->next, first);
  if (scan_->next >= scan_->end) scanned_to(scan_->end);
  return scan_ ? std::optional(scan_->next) : std::nullopt;
}

void DelayIndex::found(const Held& held) {
  if (uncounted_ > 0) uncounted_ -= 1;
  hold(held);
}

void DelayIndex::scanned_to(EntryId next) {
  if (!scan_) return;
  scan_->next = next;
  if (next < scan_->end) return;
  scan_.reset();
  uncounted_ = 0;
}

}  // namespace geminga::broker
