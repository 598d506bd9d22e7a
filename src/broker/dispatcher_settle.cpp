#include <algorithm>

#include "base/assert.hpp"
#include "broker/dispatcher.hpp"
#include "storage/cursor.hpp"

namespace geminga::broker {

std::vector<storage::EntryRange> to_ranges(std::vector<EntryId> entries) {
  std::ranges::sort(entries);
  std::vector<storage::EntryRange> ranges;
  for (const EntryId entry : entries) {
    if (!ranges.empty() && entry.value <= ranges.back().last.value + 1) {
      ranges.back().last = entry;
    } else {
      ranges.push_back({.first = entry, .last = entry});
    }
  }
  return ranges;
}

// --- acknowledging
// -------------------------------------------------------------------------------------------------

bool Dispatcher::outstanding(ConsumerNumber consumer, EntryId entry) const {
  const auto at = out_.find(entry);
  return at != out_.end() && at->second.consumer == consumer && !at->second.settling && !at->second.withdrawn;
}

std::optional<Settling> Dispatcher::begin_acknowledge(ConsumerNumber consumer, const Acknowledgement& what) {
  const auto its = [&](EntryId entry) { return outstanding(consumer, entry); };
  if (!std::ranges::all_of(what.entries, its)) return std::nullopt;
  if (!std::ranges::all_of(what.batches, its, &storage::BatchAck::entry)) return std::nullopt;
  if (!std::ranges::all_of(what.rests, its, &BatchRest::entry)) return std::nullopt;
  if (what.up_to) {
    const auto waits = waiting_.find(*what.up_to);
    const bool delivered = its(*what.up_to) || is_acknowledged(*what.up_to) ||
                           (waits != waiting_.end() && waits->second.delivered);
    if (!delivered) return std::nullopt;
  }
  Settling settling{.entries = what.entries, .batches = {}};
  for (const EntryId entry : what.entries) out_.at(entry).settling = true;
  if (what.up_to) settle_up_to(consumer, *what.up_to, settling);
  for (const storage::BatchAck& batch : what.batches) settle_batch(batch, settling);
  for (const BatchRest& rest : what.rests)
    settle_batch({.entry = rest.entry, .acknowledged = all_but(rest.left, out_.at(rest.entry).messages)},
                 settling);
  return settling;
}

void Dispatcher::settle_up_to(ConsumerNumber consumer, EntryId last, Settling& settling) {
  for (auto at = out_.begin(); at != out_.end() && at->first <= last; ++at) {
    if (at->second.consumer != consumer || at->second.settling) continue;
    at->second.settling = true;
    settling.entries.push_back(at->first);
  }
  // Delivered before and returned: it would come again.
  for (auto at = waiting_.begin(); at != waiting_.end() && at->first <= last;) {
    const auto next = std::next(at);
    if (at->second.delivered) {
      const Waiting state = at->second;
      settling.entries.push_back(at->first);
      out_.emplace(at->first, Out{.consumer = consumer,
                                  .redeliveries = state.redeliveries,
                                  .hash = state.hash,
                                  .messages = state.messages,
                                  .settling = true,
                                  .withdrawn = true,
                                  .waited_until = state.due});
      drop_waiting(at);
    }
    at = next;
  }
}

void Dispatcher::settle_batch(const storage::BatchAck& batch, Settling& settling) {
  const auto at = out_.find(batch.entry);
  if (at == out_.end() || at->second.settling) return;  // whole in the same call
  const std::uint32_t messages = at->second.messages;
  AckBits bits = of_messages(batch.acknowledged, messages);
  if (count(bits, messages) == 0) return;
  Partly& partly = partly_[batch.entry];
  merge(partly.accepted, bits);
  if (count(partly.accepted, messages) < messages) {
    partly.in_flight += 1;
    settling.batches.push_back({.entry = batch.entry, .acknowledged = std::move(bits)});
    return;
  }
  at->second.settling = true;
  settling.entries.push_back(batch.entry);
}

void Dispatcher::acknowledged(const Settling& settled) {
  storage::apply_acknowledge({.ranges = to_ranges(settled.entries), .batches = settled.batches}, cursor_);
  for (const EntryId entry : settled.entries) {
    if (const auto at = out_.find(entry); at != out_.end() && at->second.settling) release(at);
    partly_.erase(entry);
  }
  for (const storage::BatchAck& batch : settled.batches) {
    if (const auto partly = partly_.find(batch.entry); partly != partly_.end()) {
      partly->second.in_flight -= 1;
      forget_what_failed(batch.entry);
    }
    const auto at = out_.find(batch.entry);
    if (at == out_.end()) continue;
    const std::uint32_t open = at->second.messages - count(durable_bits(batch.entry), at->second.messages);
    count_unacked(at->second, std::min(at->second.unacked, open));
  }
}

void Dispatcher::acknowledge_failed(const Settling& settled, Now now) {
  for (const EntryId entry : settled.entries) {
    if (const auto partly = partly_.find(entry); partly != partly_.end()) {
      partly->second.failed = true;
      forget_what_failed(entry);
    }
    const auto at = out_.find(entry);
    if (at == out_.end() || !at->second.settling) continue;
    at->second.settling = false;
    if (const auto due = at->second.waited_until) {
      wait_until(at, *due, false, now);
    } else if (at->second.withdrawn) {
      take_back(at, std::chrono::milliseconds{0}, true, now);
    } else if (at->second.ack_due == kNever) {
      start_ack_timeout(entry, at->second, now);
    }
  }
  for (const storage::BatchAck& batch : settled.batches) {
    const auto partly = partly_.find(batch.entry);
    if (partly == partly_.end()) continue;
    partly->second.in_flight -= 1;
    partly->second.failed = true;
    forget_what_failed(batch.entry);
  }
}

/// When no acknowledgement of a part is under way any more, what is durable is all there is.
void Dispatcher::forget_what_failed(EntryId entry) {
  Partly& partly = partly_.at(entry);
  if (!partly.failed || partly.in_flight > 0) return;
  partly = {.accepted = durable_bits(entry)};
  if (partly.accepted.empty()) partly_.erase(entry);
}

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
    if (its && !at->second.settling) take_back(at, std::chrono::milliseconds{0}, counts, now);
    at = next;
  }
}

void Dispatcher::withdraw(ConsumerNumber consumer, bool counts, Now now) {
  for (auto& [entry, state] : out_) {
    const bool its = consumer == 0 || state.consumer == consumer;
    if (its && state.settling) state.withdrawn = true;
  }
  return_all(consumer, counts, now);
}

void Dispatcher::take_back(OutMap::iterator at, std::chrono::milliseconds delay, bool counts, Now now) {
  wait_until(at, delay.count() > 0 ? later(now, delay) : base::MonotonicTime{}, counts, now);
}

void Dispatcher::wait_until(OutMap::iterator at, base::MonotonicTime due, bool counts, Now now) {
  const EntryId entry = at->first;
  const Waiting state{.redeliveries = at->second.redeliveries + (counts ? 1U : 0U),
                      .hash = at->second.hash,
                      .messages = at->second.messages,
                      .due = due,
                      .delivered = true};
  release(at);
  if (!is_acknowledged(entry)) return put_waiting(entry, state, now);
  partly_.erase(entry);  // the cursor has moved over it
}

AckBits Dispatcher::durable_bits(EntryId entry) const {
  const auto at = std::ranges::lower_bound(cursor_.batches, entry, {}, &storage::BatchAck::entry);
  return at != cursor_.batches.end() && at->entry == entry ? at->acknowledged : AckBits{};
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
  while (!waiting_.empty() && waiting_.begin()->first < next) drop_waiting(waiting_.begin());
  delayed_.drop_before(next, read_position_);
  // What is out is settled yet, in parts too.
  std::erase_if(partly_, [&](const auto& each) { return each.first < next && !out_.contains(each.first); });
  read_position_ = std::max(read_position_, next);
}

void Dispatcher::missing(const std::vector<storage::EntryRange>& ranges) {
  storage::apply_acknowledge({.ranges = ranges}, cursor_);
  for (const storage::EntryRange& range : ranges) {
    for (auto at = waiting_.lower_bound(range.first); at != waiting_.end() && at->first <= range.last;)
      drop_waiting(at++);
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
