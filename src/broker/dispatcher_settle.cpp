#include <algorithm>

#include "base/assert.hpp"
#include "broker/dispatcher.hpp"
#include "storage/cursor.hpp"

/// What comes back, and how the position moves.
namespace geminga::broker {

// --- returning
// -----------------------------------------------------------------------------------------------------

bool Dispatcher::return_entry(ConsumerNumber consumer, EntryId entry, std::chrono::milliseconds delay,
                              bool counts, Now now) {
  if (!outstanding(consumer, entry)) return false;
  take_back(out_.find(entry), delay, counts, now);
  return true;
}

void Dispatcher::return_all(ConsumerNumber consumer, bool counts, Now now) {
  for (auto at = out_.begin(); at != out_.end();) {
    const auto next = std::next(at);
    const bool its = consumer == 0 || at->second.consumer == consumer;
    if (its && at->second.settling == 0) wait_until(at, base::MonotonicTime{}, counts, now);
    at = next;
  }
}

void Dispatcher::withdraw(ConsumerNumber consumer, bool counts, Now now) {
  for (auto& [entry, state] : out_) {
    const bool its = consumer == 0 || state.consumer == consumer;
    if (its && state.settling > 0) state.withdrawn = true;
  }
  return_all(consumer, counts, now);
}

/// The chunks of a message come again together, as only all of them are one.
void Dispatcher::take_back(OutMap::iterator at, std::chrono::milliseconds delay, bool counts, Now now) {
  const base::MonotonicTime due = delay.count() > 0 ? later(now, delay) : base::MonotonicTime{};
  for (const EntryId chunk : chunks_.others(at->first)) {
    const auto other = out_.find(chunk);
    const bool with_it = other != out_.end() && other->second.consumer == at->second.consumer;
    if (with_it && other->second.settling == 0) wait_until(other, due, counts, now);
  }
  wait_until(at, due, counts, now);
}

void Dispatcher::wait_until(OutMap::iterator at, base::MonotonicTime due, bool counts, Now now) {
  const EntryId entry = at->first;
  const Waiting state{.redeliveries = at->second.redeliveries + (counts ? 1U : 0U),
                      .hash = at->second.hash,
                      .messages = at->second.messages,
                      .due = due,
                      .delivered = true};
  release(at);
  for (const EntryId chunk : chunks_.take_from(entry)) ready_.insert(chunk);
  if (!is_acknowledged(entry)) return put_waiting(entry, state, now);
  partly_.erase(entry);  // the cursor has moved over it
  chunks_.forget(entry);
}

AckBits Dispatcher::durable_bits(EntryId entry) const {
  const auto at = std::ranges::lower_bound(cursor_.batches, entry, {}, &storage::BatchAck::entry);
  return at != cursor_.batches.end() && at->entry == entry ? at->acknowledged : AckBits{};
}

AckBits Dispatcher::accepted_bits(EntryId entry) const {
  AckBits bits = durable_bits(entry);
  if (const auto partly = partly_.find(entry); partly != partly_.end() && !partly->second.failed)
    merge(bits, partly->second.accepted);
  return bits;
}

void Dispatcher::count_unacked(Out& out, std::uint32_t unacked) {
  unacked_ += unacked;
  unacked_ -= out.unacked;
  if (Recipient* recipient = recipients_.find(out.consumer)) {
    recipient->unacked += unacked;
    recipient->unacked -= out.unacked;
  }
  out.unacked = unacked;
}

void Dispatcher::release(OutMap::iterator at) {
  count_unacked(at->second, 0);
  if (at->second.keyed) keys_.returned(at->second.hash);
  if (at->second.ack_due != kNever) ack_due_.erase(std::pair(at->second.ack_due, at->first));
  out_.erase(at);
}

// --- position
// ------------------------------------------------------------------------------------------------------

void Dispatcher::skip_to(EntryId next) {
  if (next.value == 0) return;
  const EntryId last{next.value - 1};
  storage::apply_acknowledge({.ranges = {{.first = EntryId{0}, .last = last}}}, cursor_);
  while (!waiting_.empty() && waiting_.begin()->first < next) give_up_waiting(waiting_.begin());
  delayed_.drop_before(next, read_position_);
  // What is out is settled yet, in parts too.
  std::erase_if(partly_, [&](const auto& each) { return each.first < next && !out_.contains(each.first); });
  read_position_ = std::max(read_position_, next);
}

void Dispatcher::missing(const std::vector<storage::EntryRange>& ranges) {
  storage::apply_acknowledge({.ranges = ranges}, cursor_);
  for (const storage::EntryRange& range : ranges) {
    for (auto at = waiting_.lower_bound(range.first); at != waiting_.end() && at->first <= range.last;)
      give_up_waiting(at++);
  }
}

std::vector<storage::EntryRange> Dispatcher::nobodys(const std::vector<storage::EntryRange>& ranges) const {
  std::vector<storage::EntryRange> left;
  for (const storage::EntryRange& range : ranges) {
    std::vector<storage::EntryRange> taken;  // only what touches it: there may be very many
    auto done = std::ranges::lower_bound(cursor_.acknowledged, range.first, {}, &storage::EntryRange::last);
    for (; done != cursor_.acknowledged.end() && done->first <= range.last; ++done) taken.push_back(*done);
    const auto add = [&](const auto& entries) {
      for (auto at = entries.lower_bound(range.first); at != entries.end() && at->first <= range.last; ++at)
        taken.push_back({.first = at->first, .last = at->first});
    };
    add(out_);
    add(waiting_);
    std::ranges::sort(taken, {}, &storage::EntryRange::first);
    EntryId from = std::max(range.first, cursor_.next);
    for (const storage::EntryRange& other : taken) {
      if (other.last < from) continue;
      if (other.first > range.last) break;
      if (from < other.first) left.push_back({.first = from, .last = EntryId{other.first.value - 1}});
      from = EntryId{other.last.value + 1};
    }
    if (from <= range.last) left.push_back({.first = from, .last = range.last});
  }
  return left;
}

EntryId Dispatcher::behind_next(std::uint64_t entries, EntryId first, EntryId end) const {
  EntryId at = std::max(cursor_.next, first);
  for (const storage::EntryRange& range : cursor_.acknowledged) {
    if (range.last < at) continue;
    if (range.first <= at) {
      at = EntryId{range.last.value + 1};
      continue;
    }
    const std::uint64_t open = range.first.value - at.value;
    if (entries <= open) break;
    entries -= open;
    at = EntryId{range.last.value + 1};
  }
  if (end <= at) return std::max(end, cursor_.next);
  return EntryId{at.value + std::min(entries, end.value - at.value)};
}

void Dispatcher::move_cursor(EntryId next) {
  epoch_ += 1;
  cursor_ = storage::CursorState{.next = next, .acknowledged = {}, .batches = {}};
  while (!waiting_.empty()) drop_waiting(waiting_.begin());
  // What was settling when the seek began and could not be written is out again: it counts no more.
  while (!out_.empty()) release(out_.begin());
  delayed_.clear();
  partly_.clear();
  chunks_ = {};
  read_position_ = next;
}

// --- what it knows
// -------------------------------------------------------------------------------------------------

bool Dispatcher::is_acknowledged(EntryId entry) const {
  if (entry < cursor_.next) return true;
  const auto& ranges = cursor_.acknowledged;
  const auto after = std::ranges::upper_bound(ranges, entry, {}, &storage::EntryRange::first);
  return after != ranges.begin() && std::prev(after)->last >= entry;
}

std::uint64_t backlog_of(const storage::CursorState& cursor, EntryId first, EntryId end) {
  const EntryId from = std::max(first, cursor.next);
  if (end <= from) return 0;
  std::uint64_t open = end.value - from.value;
  for (const storage::EntryRange& range : cursor.acknowledged) {
    if (range.last < from) continue;
    open -= range.last.value - std::max(range.first, from).value + 1;
  }
  return open;
}

}  // namespace geminga::broker
