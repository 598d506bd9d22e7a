#include "broker/dispatcher.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "storage/cursor.hpp"

namespace geminga::broker {
namespace {

constexpr std::uint32_t kReadEntriesMax = 1'000;
constexpr std::uint32_t kWaitingRunMax = 64;
constexpr std::chrono::milliseconds kTimerMax = std::chrono::hours{1};

EntryId behind(EntryId entry) {
  return EntryId{entry.value + 1};
}

}  // namespace

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

Dispatcher::Dispatcher(DispatcherOptions options, storage::CursorState cursor, Send send)
    : options_(options), cursor_(std::move(cursor)), send_(std::move(send)), read_position_(cursor_.next) {}

// --- consumers
// -----------------------------------------------------------------------------------------------------

void Dispatcher::add_consumer(ConsumerNumber consumer, Permits permits) {
  consumers_[consumer] = {.messages = permits.messages, .bytes = static_cast<std::int64_t>(permits.bytes)};
  keys_.add_consumer(consumer);
}

void Dispatcher::remove_consumer(ConsumerNumber consumer, Now now) {
  consumers_.erase(consumer);
  keys_.remove_consumer(consumer);
  for (auto at = out_.begin(); at != out_.end();) {
    const auto next = std::next(at);
    if (at->second.consumer == consumer) {
      if (at->second.settling) {
        at->second.consumer_gone = true;
      } else {
        wait_again(at, now);
      }
    }
    at = next;
  }
}

void Dispatcher::add_permits(ConsumerNumber consumer, Permits more) {
  const auto found = consumers_.find(consumer);
  if (found == consumers_.end()) return;
  found->second.messages += more.messages;
  found->second.bytes += static_cast<std::int64_t>(more.bytes);
}

void Dispatcher::stop_consumer(ConsumerNumber consumer) {
  if (const auto found = consumers_.find(consumer); found != consumers_.end()) found->second.stopped = true;
}

void Dispatcher::set_type(SubscriptionType type, bool hold_delayed) {
  GEMINGA_ASSERT(consumers_.empty());
  // The books of the keys are kept for Key_Shared only, so they begin anew with what waits. What is still out
  // has only its acknowledgement on the way.
  keys_ = KeyOrder{};
  for (auto& [entry, state] : out_) state.keyed = false;
  options_.type = type;
  options_.hold_delayed = hold_delayed;
  if (!key_shared()) return;
  for (const auto& [entry, state] : waiting_) keys_.waits(state.hash, entry);
}

// --- reading
// -------------------------------------------------------------------------------------------------------

std::optional<Dispatcher::Want> Dispatcher::next_read(EntryId end, Now now) {
  wake_due(now);
  std::int64_t room = 0;
  for (const auto& [number, state] : consumers_) {
    if (state.can_take()) room += state.messages;
  }
  if (room == 0) return std::nullopt;
  if (auto waiting = want_waiting()) return waiting;
  if (paused() || read_position_ >= end) return std::nullopt;
  const auto entries = static_cast<std::uint32_t>(std::min<std::int64_t>(room, kReadEntriesMax));
  return Want{.from = read_position_, .entries_max = entries, .waiting = false};
}

std::optional<Dispatcher::Want> Dispatcher::want_waiting() {
  const auto first =
      std::ranges::find_if(ready_, [this](EntryId entry) { return sendable(entry, waiting_.at(entry)); });
  if (first == ready_.end()) return std::nullopt;
  Want want{.from = *first, .entries_max = 1, .waiting = true};
  for (auto next = std::next(first); next != ready_.end() && want.entries_max < kWaitingRunMax; ++next) {
    if (next->value != want.from.value + want.entries_max) break;
    want.entries_max += 1;
  }
  return want;
}

bool Dispatcher::sendable(EntryId entry, const Waiting& state) const {
  if (!key_shared()) return true;  // next_read() has seen that somebody has permits
  if (!keys_.may_send_waiting(state.hash, entry)) return false;
  const auto owner = consumers_.find(keys_.owner(state.hash));
  return owner != consumers_.end() && owner->second.can_take();
}

void Dispatcher::feed(const Want& want, std::vector<storage::Entry> entries, Now now) {
  if (!want.waiting) {
    for (storage::Entry& entry : entries) {
      if (entry.header.entry < read_position_) continue;
      if (!offer_unread(entry, now)) return;
      read_position_ = behind(entry.header.entry);
    }
    return;
  }
  const EntryId end{want.from.value + want.entries_max};
  auto given = entries.begin();
  for (EntryId id = want.from; id < end; id = behind(id)) {
    while (given != entries.end() && given->header.entry < id) ++given;
    if (given != entries.end() && given->header.entry == id) {
      offer_waiting(std::move(*given));
    } else if (entries.empty() || id < entries.front().header.entry) {
      // Trimmed: nobody can get it any more.
      if (const auto gone = waiting_.find(id); gone != waiting_.end()) drop_waiting(gone);
    }
  }
}

void Dispatcher::offer_waiting(storage::Entry entry) {
  const auto at = waiting_.find(entry.header.entry);
  if (at == waiting_.end() || !at->second.ready) return;  // settled or returned anew while it was read
  if (key_shared() && !keys_.may_send_waiting(at->second.hash, at->first)) return;
  const auto to = choose(at->second.hash);
  if (to == consumers_.end()) return;
  const std::uint32_t redeliveries = at->second.redeliveries;
  drop_waiting(at);
  send(to, std::move(entry), redeliveries);
}

bool Dispatcher::offer_unread(storage::Entry& entry, Now now) {
  const EntryId id = entry.header.entry;
  if (is_acknowledged(id)) return true;
  if (paused()) return false;
  if (options_.hold_delayed && entry.header.deliver_at && *entry.header.deliver_at > now.wall) {
    if (!options_.lose_delayed || id.value % 4 != 0)
      delayed_.emplace(std::pair(*entry.header.deliver_at, id), entry.header.key_hash);
    return true;
  }
  const bool key_free = !key_shared() || keys_.may_send_new(entry.header.key_hash);
  const auto to = key_free ? choose(entry.header.key_hash) : consumers_.end();
  if (to != consumers_.end()) {
    send(to, std::move(entry), 0);
    return true;
  }
  if (!key_shared()) return false;
  // Put aside, so that the keys of other consumers go on.
  put_waiting(id, {.redeliveries = 0, .hash = entry.header.key_hash}, now);
  return true;
}

Dispatcher::Consumers::iterator Dispatcher::choose(std::uint32_t hash) {
  if (key_shared()) {
    const auto owner = consumers_.find(keys_.owner(hash));
    return owner != consumers_.end() && owner->second.can_take() ? owner : consumers_.end();
  }
  auto at = consumers_.upper_bound(last_chosen_);
  for (std::size_t tried = 0; tried < consumers_.size(); ++tried, ++at) {
    if (at == consumers_.end()) at = consumers_.begin();
    if (!at->second.can_take()) continue;
    last_chosen_ = at->first;
    return at;
  }
  return consumers_.end();
}

void Dispatcher::send(Consumers::iterator to, storage::Entry entry, std::uint32_t redeliveries) {
  const auto [consumer, hash] = std::pair(to->first, entry.header.key_hash);
  to->second.messages -= 1;
  to->second.bytes -= static_cast<std::int64_t>(permit_bytes(entry));
  if (key_shared()) keys_.sent(hash, consumer);
  const Out out{.consumer = consumer, .redeliveries = redeliveries, .hash = hash, .keyed = key_shared()};
  const bool fresh = out_.emplace(entry.header.entry, out).second;
  GEMINGA_ASSERT(fresh);
  if (redeliveries > 0) redelivered_ += 1;
  send_(consumer, Delivered{.entry = std::move(entry), .redelivery_count = redeliveries});
}

// --- waiting
// -------------------------------------------------------------------------------------------------------

void Dispatcher::wake_due(Now now) {
  while (!not_due_.empty() && not_due_.begin()->first <= now.monotonic) {
    const EntryId entry = not_due_.begin()->second;
    not_due_.erase(not_due_.begin());
    waiting_.at(entry).ready = true;
    ready_.insert(entry);
  }
  while (!delayed_.empty() && delayed_.begin()->first.first <= now.wall) {
    const auto [key, hash] = *delayed_.begin();
    delayed_.erase(delayed_.begin());
    put_waiting(key.second, {.redeliveries = 0, .hash = hash}, now);
  }
}

void Dispatcher::put_waiting(EntryId entry, Waiting state, Now now) {
  state.ready = state.due <= now.monotonic;
  if (state.ready) {
    ready_.insert(entry);
  } else {
    not_due_.emplace(state.due, entry);
  }
  if (key_shared()) keys_.waits(state.hash, entry);
  const bool fresh = waiting_.emplace(entry, state).second;
  GEMINGA_ASSERT(fresh);
}

void Dispatcher::drop_waiting(std::map<EntryId, Waiting>::iterator at) {
  if (at->second.ready) {
    ready_.erase(at->first);
  } else {
    not_due_.erase(std::pair(at->second.due, at->first));
  }
  if (key_shared()) keys_.waits_no_more(at->second.hash, at->first);
  waiting_.erase(at);
}

std::optional<base::MonotonicTime> Dispatcher::next_due(Now now) const {
  std::optional<base::MonotonicTime> due;
  if (!not_due_.empty()) due = not_due_.begin()->first;
  if (!delayed_.empty()) {
    // Not further than that ahead: the wall clock may be set, and the end of time does not fit here.
    const std::chrono::milliseconds left = delayed_.begin()->first.first - now.wall;
    const auto at = now.monotonic + std::min(left, kTimerMax);
    if (!due || at < *due) due = at;
  }
  return due;
}

// --- settling
// ------------------------------------------------------------------------------------------------------

bool Dispatcher::begin_acknowledge(ConsumerNumber consumer, std::span<const EntryId> entries) {
  const auto outstanding = [&](EntryId entry) {
    const auto at = out_.find(entry);
    return at != out_.end() && at->second.consumer == consumer && !at->second.settling &&
           !at->second.consumer_gone;
  };
  if (!std::ranges::all_of(entries, outstanding)) return false;
  for (const EntryId entry : entries) out_.at(entry).settling = true;
  return true;
}

void Dispatcher::acknowledged(std::span<const EntryId> entries) {
  for (const EntryId entry : entries) {
    if (const auto at = out_.find(entry); at != out_.end() && at->second.settling) release(at);
  }
  storage::apply_acknowledge({.ranges = to_ranges({entries.begin(), entries.end()})}, cursor_);
}

void Dispatcher::acknowledge_failed(std::span<const EntryId> entries, Now now) {
  for (const EntryId entry : entries) {
    const auto at = out_.find(entry);
    if (at == out_.end() || !at->second.settling) continue;
    at->second.settling = false;
    if (!at->second.consumer_gone) continue;
    wait_again(at, now);
  }
}

bool Dispatcher::return_entry(ConsumerNumber consumer, EntryId entry, std::chrono::milliseconds delay,
                              bool counts, Now now) {
  const auto at = out_.find(entry);
  if (at == out_.end() || at->second.consumer != consumer || at->second.settling) return false;
  Waiting state{.redeliveries = at->second.redeliveries + (counts ? 1U : 0U), .hash = at->second.hash};
  if (delay.count() > 0) state.due = now.monotonic + delay;
  release(at);
  if (!is_acknowledged(entry)) put_waiting(entry, state, now);  // the cursor may have moved over it
  return true;
}

void Dispatcher::wait_again(std::map<EntryId, Out>::iterator at, Now now) {
  const Waiting state{.redeliveries = at->second.redeliveries + 1, .hash = at->second.hash};
  const EntryId entry = at->first;
  release(at);
  if (!is_acknowledged(entry)) put_waiting(entry, state, now);  // the cursor may have moved over it
}

void Dispatcher::release(std::map<EntryId, Out>::iterator at) {
  if (at->second.keyed) keys_.returned(at->second.hash);
  out_.erase(at);
}

void Dispatcher::move_cursor(EntryId next) {
  cursor_ = storage::CursorState{.next = next};
  while (!waiting_.empty()) drop_waiting(waiting_.begin());
  delayed_.clear();
  // What is out behind the new position comes again; its old delivery counts no more.
  for (auto at = out_.lower_bound(next); at != out_.end();) {
    const auto following = std::next(at);
    if (!at->second.settling) release(at);
    at = following;
  }
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

std::uint64_t Dispatcher::backlog(EntryId end) const {
  if (end <= cursor_.next) return 0;
  std::uint64_t open = end.value - cursor_.next.value;
  for (const storage::EntryRange& range : cursor_.acknowledged)
    open -= range.last.value - range.first.value + 1;
  return open;
}

bool Dispatcher::paused() const {
  return out_.size() >= options_.unsettled_max || delayed_.size() >= options_.delayed_max ||
         waiting_.size() >= options_.waiting_max;
}

}  // namespace geminga::broker
