#include <algorithm>

#include "base/assert.hpp"
#include "broker/dispatcher.hpp"
#include "storage/cursor.hpp"

/// From what a consumer acknowledges to what has to be written, and what follows from the answer of the disk.
namespace geminga::broker {

std::vector<storage::EntryRange> Settling::ranges() const {
  std::vector<storage::EntryRange> sorted = skipped;
  sorted.reserve(sorted.size() + entries.size());
  for (const EntryId entry : entries) sorted.push_back({.first = entry, .last = entry});
  std::ranges::sort(sorted, {}, &storage::EntryRange::first);
  std::vector<storage::EntryRange> merged;
  for (const storage::EntryRange& range : sorted) {
    if (!merged.empty() && range.first.value <= merged.back().last.value + 1)
      merged.back().last = std::max(merged.back().last, range.last);
    else
      merged.push_back(range);
  }
  return merged;
}

void Settling::add(const Settling& more) {
  entries.insert(entries.end(), more.entries.begin(), more.entries.end());
  batches.insert(batches.end(), more.batches.begin(), more.batches.end());
  skipped.insert(skipped.end(), more.skipped.begin(), more.skipped.end());
}

bool Dispatcher::outstanding(ConsumerNumber consumer, EntryId entry) const {
  const auto at = out_.find(entry);
  return at != out_.end() && at->second.consumer == consumer && at->second.settling == 0 &&
         !at->second.withdrawn;
}

std::optional<Settling> Dispatcher::begin_acknowledge(ConsumerNumber consumer, const Acknowledgement& what,
                                                      std::uint64_t turn) {
  const auto whole = [&](EntryId entry) { return what.whoever || outstanding(consumer, entry); };
  const auto partly = [&](EntryId entry) {
    return what.whoever ? messages_of(entry).has_value() || is_acknowledged(entry)
                        : outstanding(consumer, entry);
  };
  if (!std::ranges::all_of(what.entries, whole)) return std::nullopt;
  if (!std::ranges::all_of(what.batches, partly, &storage::BatchAck::entry)) return std::nullopt;
  if (!std::ranges::all_of(what.rests, partly, &BatchRest::entry)) return std::nullopt;
  if (what.up_to && !may_settle_up_to(consumer, *what.up_to, what.whoever)) return std::nullopt;
  Settling settling;
  const Settler by{.consumer = consumer, .whoever = what.whoever, .turn = turn};
  for (const EntryId entry : what.entries) settle(by, entry, settling);
  if (what.up_to) settle_up_to(by, *what.up_to, settling);
  for (const storage::BatchAck& batch : what.batches)
    settle_batch(by, batch.entry, batch.acknowledged, settling);
  for (const BatchRest& rest : what.rests) {
    if (const auto messages = messages_of(rest.entry))
      settle_batch(by, rest.entry, all_but(rest.left, *messages), settling);
  }
  return settling;
}

/// What was delivered before and has gone since, or is about to go, is settled too.
bool Dispatcher::may_settle_up_to(ConsumerNumber consumer, EntryId last, bool whoever) const {
  if (whoever) return last < read_position_ || !options_.hold_delayed;
  if (is_acknowledged(last)) return true;
  if (const auto out = out_.find(last); out != out_.end())
    return out->second.consumer == consumer && (out->second.settling > 0 || !out->second.withdrawn);
  const auto waits = waiting_.find(last);
  return waits != waiting_.end() && waits->second.delivered;
}

/// Of what was delivered; nothing: it is not known.
std::optional<std::uint32_t> Dispatcher::messages_of(EntryId entry) const {
  if (const auto out = out_.find(entry); out != out_.end())
    return out->second.unread ? std::nullopt : std::optional(out->second.messages);
  const auto waits = waiting_.find(entry);
  return waits != waiting_.end() && waits->second.delivered ? std::optional(waits->second.messages)
                                                            : std::nullopt;
}

void Dispatcher::settle(const Settler& by, EntryId entry, Settling& settling) {
  auto at = out_.find(entry);
  if (at == out_.end()) {
    if (is_acknowledged(entry)) return;
    at = adopt(by.consumer, entry);
  }
  Out& out = at->second;
  // It is written again with a later record, so that each record holds all that its answer promises.
  if (out.settling > 0 && by.turn != 0 && out.settled_in == by.turn) return;
  out.settling += 1;
  out.settled_in = by.turn;
  settling.entries.push_back(entry);
}

/// What nobody has now counts as out while its acknowledgement is on the way, so that nobody gets it.
Dispatcher::OutMap::iterator Dispatcher::adopt(ConsumerNumber consumer, EntryId entry) {
  Out out{.consumer = consumer, .withdrawn = true};
  if (const auto waits = waiting_.find(entry); waits != waiting_.end()) {
    out.redeliveries = waits->second.redeliveries;
    out.hash = waits->second.hash;
    out.messages = waits->second.messages;
    out.waited_until = waits->second.due;
    drop_waiting(waits);
  } else {
    out.unread = true;
    passed_to_ = std::max(passed_to_, EntryId{entry.value + 1});
  }
  return out_.emplace(entry, out).first;
}

void Dispatcher::settle_up_to(const Settler& by, EntryId last, Settling& settling) {
  for (auto at = out_.begin(); at != out_.end() && at->first <= last; ++at) {
    if (by.whoever || at->second.consumer == by.consumer) settle(by, at->first, settling);
  }
  // Delivered before and returned: it would come again.
  for (auto at = waiting_.begin(); at != waiting_.end() && at->first <= last;) {
    const auto next = std::next(at);
    if (at->second.delivered) settle(by, at->first, settling);
    at = next;
  }
  if (by.whoever) skip_unread(last, settling);
}

/// It was delivered before a restart: a client says so before it has come again.
void Dispatcher::skip_unread(EntryId last, Settling& settling) {
  const EntryId from = std::max(skipping_ > 0 ? skipped_from_ : read_position_, cursor_.next);
  if (last < from) return;
  skipping_ += 1;
  skipped_from_ = from;
  settling.skipped.push_back({.first = from, .last = last});
  read_position_ = std::max(read_position_, EntryId{last.value + 1});
}

void Dispatcher::settle_batch(const Settler& by, EntryId entry, const AckBits& acknowledged,
                              Settling& settling) {
  const auto at = out_.find(entry);
  if (at != out_.end() && at->second.settling > 0) return settle(by, entry, settling);
  const auto known = messages_of(entry);
  if (!known) return;  // all of it is acknowledged
  const std::uint32_t messages = *known;
  AckBits bits = of_messages(acknowledged, messages);
  if (count(bits, messages) == 0) return;
  Partly& partly = partly_[entry];
  merge(partly.accepted, bits);
  if (count(partly.accepted, messages) == messages) return settle(by, entry, settling);
  partly.in_flight += 1;
  settling.batches.push_back({.entry = entry, .acknowledged = std::move(bits)});
}

void Dispatcher::acknowledged(const Settling& settled) {
  storage::apply_acknowledge({.ranges = settled.ranges(), .batches = settled.batches}, cursor_);
  for (const EntryId entry : settled.entries) {
    if (const auto at = out_.find(entry); at != out_.end() && at->second.settling > 0) release(at);
    chunks_.forget(entry);
    partly_.erase(entry);
  }
  skipping_ -= static_cast<std::uint32_t>(settled.skipped.size());
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
    if (at == out_.end() || at->second.settling == 0) continue;
    at->second.settling -= 1;
    if (at->second.settling == 0) not_settled(at, now);
  }
  for (const storage::EntryRange& range : settled.skipped) {
    skipping_ -= 1;
    if (skipping_ == 0) read_again_from(range.first);
  }
  for (const storage::BatchAck& batch : settled.batches) {
    const auto partly = partly_.find(batch.entry);
    if (partly == partly_.end()) continue;
    partly->second.in_flight -= 1;
    partly->second.failed = true;
    forget_what_failed(batch.entry);
    // Its consumer was told that this part is done, so it does not wait for it.
    const auto at = out_.find(batch.entry);
    if (at == out_.end() || !at->second.counted_on) continue;
    at->second.withdrawn = true;
    if (at->second.settling == 0) take_back(at, std::chrono::milliseconds{0}, true, now);
  }
}

void Dispatcher::not_settled(OutMap::iterator at, Now now) {
  if (at->second.unread) {
    read_again_from(at->first);
    release(at);
  } else if (const auto due = at->second.waited_until) {
    wait_until(at, *due, false, now);
  } else if (at->second.withdrawn) {
    take_back(at, std::chrono::milliseconds{0}, true, now);
  } else if (at->second.ack_due == kNever) {
    start_ack_timeout(at->first, at->second, now);
  }
}

/// Between there and where it was nothing that is out or waits comes again.
void Dispatcher::read_again_from(EntryId entry) {
  passed_to_ = std::max(passed_to_, read_position_);
  read_position_ = std::min(read_position_, std::max(entry, cursor_.next));
}

/// When no acknowledgement of a part is under way any more, what is durable is all there is.
void Dispatcher::forget_what_failed(EntryId entry) {
  Partly& partly = partly_.at(entry);
  if (!partly.failed || partly.in_flight > 0) return;
  partly = {.accepted = durable_bits(entry)};
  if (partly.accepted.empty()) partly_.erase(entry);
}

}  // namespace geminga::broker
