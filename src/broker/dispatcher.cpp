#include "broker/dispatcher.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace geminga::broker {
namespace {

constexpr EntryId kNowhere{std::numeric_limits<std::uint64_t>::max()};
constexpr std::uint64_t kReadEntriesMax = 1'000;
constexpr std::uint32_t kWaitingRunMax = 64;
/// Longer than any wait and short enough for a monotonic time.
constexpr std::chrono::milliseconds kDelayMax = std::chrono::years{100};
/// When others may have given back what a subscription waits for.
constexpr std::chrono::milliseconds kLookAtBudgetAfter{100};
/// The wall clock may be set forward, and the monotonic one stands still while the machine sleeps.
constexpr std::chrono::milliseconds kTimerMax = std::chrono::seconds{10};

EntryId behind(EntryId entry) {
  return EntryId{entry.value + 1};
}

/// Of a header with a deliver-at.
Held held_by(const storage::EntryHeader& header) {
  return {.deliver_at = *header.deliver_at, .entry = header.entry, .hash = header.key_hash};
}

}  // namespace

Dispatcher::Dispatcher(DispatcherOptions options, storage::CursorState cursor, Send send)
    : options_(options),
      cursor_(std::move(cursor)),
      send_(std::move(send)),
      read_position_(cursor_.next),
      recipients_(options.partition),
      state_(options.state_budget),
      delayed_(options.delay_budget) {
  for (const storage::BatchAck& batch : cursor_.batches)
    partly_.emplace(batch.entry, Partly{.accepted = batch.acknowledged});
}

// --- consumers
// -----------------------------------------------------------------------------------------------------

void Dispatcher::add_consumer(ConsumerNumber consumer, Recipient recipient, Now now,
                              std::vector<HashRange> ranges) {
  const ConsumerNumber before = active();
  recipients_.add(consumer, std::move(recipient));
  if (key_shared()) keys_.add_consumer(consumer, std::move(ranges));
  pass_on_from(before, now);
}

void Dispatcher::remove_consumer(ConsumerNumber consumer, Now now) {
  const ConsumerNumber before = active();
  withdraw(consumer, true, now);
  recipients_.remove(consumer);
  if (key_shared()) keys_.remove_consumer(consumer);
  pass_on_from(before, now);  // on a partition one that was not active may change who is
}

/// The new active one begins with what the old one had not settled, so the order is kept. Most of it no
/// handler has seen, so it does not count as a redelivery.
void Dispatcher::pass_on_from(ConsumerNumber before, Now now) {
  if (before != 0 && active() != before) withdraw(before, false, now);
}

void Dispatcher::add_permits(ConsumerNumber consumer, Permits more) {
  Recipient* recipient = recipients_.find(consumer);
  if (recipient == nullptr) return;
  recipient->messages += more.messages;
  recipient->bytes += static_cast<std::int64_t>(more.bytes);
}

void Dispatcher::stop_consumer(ConsumerNumber consumer) {
  Recipient* recipient = recipients_.find(consumer);
  if (recipient == nullptr) return;
  recipient->stopped = true;
  // Its keys go to the others, each when nothing of it is out any more.
  if (key_shared()) keys_.remove_consumer(consumer);
}

void Dispatcher::set_type(SubscriptionType type, bool hold_delayed) {
  GEMINGA_ASSERT(recipients_.all().empty());
  options_.hold_delayed = hold_delayed;
  if (type == options_.type) return;
  // The books of the keys are kept for Key_Shared only, so they begin anew with what waits. What is still out
  // has only its acknowledgement on the way.
  keys_ = KeyOrder{};
  for (auto& [entry, state] : out_) state.keyed = false;
  options_.type = type;
  if (!key_shared()) return;
  for (const auto& [entry, state] : waiting_) keys_.waits(state.hash, entry, state.ready);
}

// --- reading
// -------------------------------------------------------------------------------------------------------

std::optional<Dispatcher::Want> Dispatcher::next_read(EntryId end, Now now) {
  wake_due(now);
  state_.set(state_bytes());
  std::int64_t room = 0;
  for (const auto& [number, recipient] : recipients_.all()) {
    const bool in_line = !one_active() || number == recipients_.active();
    if (in_line && recipient.can_take()) room += recipient.messages;
  }
  if (room == 0 || !rate_allows(now)) return std::nullopt;
  // The search for what is delayed may be long; it shares the disk with what can be sent.
  const auto delayed = want_delayed();
  delayed_had_turn_ = delayed && !delayed_had_turn_;
  if (delayed_had_turn_) return delayed;
  if (auto waiting = want_waiting()) return waiting;
  if (auto unread = want_unread(end, static_cast<std::uint64_t>(room), now)) return unread;
  return delayed;
}

std::optional<Dispatcher::Want> Dispatcher::want_unread(EntryId end, std::uint64_t room, Now now) {
  // What is acknowledged is not read again, as after a restart behind one early message that is held for
  // days.
  read_position_ = behind_acknowledged(read_position_);
  if (!paused().empty() || delayed_.due(now.wall) || read_position_ >= end) return std::nullopt;
  std::uint64_t messages = room;
  if (options_.rate != nullptr) messages = std::min(messages, options_.rate->messages.ready(now.monotonic));
  const std::uint64_t entries = all_held_ ? kReadEntriesMax : (messages - 1) / usual_messages_ + 1;
  return Want{.from = read_position_,
              .entries_max = static_cast<std::uint32_t>(std::min(entries, kReadEntriesMax)),
              .headers_only = all_held_,
              .epoch = epoch_};
}

std::optional<Dispatcher::Want> Dispatcher::want_delayed() {
  const auto from = delayed_.next_scan(cursor_.next, read_position_);
  if (!from) return std::nullopt;
  return Want{.from = behind_acknowledged(*from),
              .entries_max = static_cast<std::uint32_t>(kReadEntriesMax),
              .what = Want::What::delayed,
              .headers_only = true,
              .epoch = epoch_};
}

EntryId Dispatcher::behind_acknowledged(EntryId at) const {
  const auto& ranges = cursor_.acknowledged;
  const auto next = std::ranges::upper_bound(ranges, at, {}, &storage::EntryRange::first);
  return next != ranges.begin() && std::prev(next)->last >= at ? behind(std::prev(next)->last) : at;
}

std::optional<EntryId> Dispatcher::first_sendable() const {
  if (!key_shared()) return ready_.empty() ? std::nullopt : std::optional(*ready_.begin());
  std::optional<EntryId> first;
  for (const auto& [number, recipient] : recipients_.all()) {
    const auto its = recipient.can_take() ? keys_.first_for(number) : std::nullopt;
    if (its && (!first || *its < *first)) first = its;
  }
  return first;
}

std::optional<Dispatcher::Want> Dispatcher::want_waiting() {
  const auto first = first_sendable();
  if (!first) return std::nullopt;
  Want want{.from = *first, .entries_max = 1, .what = Want::What::waiting, .epoch = epoch_};
  for (auto next = std::next(ready_.find(*first)); next != ready_.end() && want.entries_max < kWaitingRunMax;
       ++next) {
    if (next->value != want.from.value + want.entries_max) break;
    want.entries_max += 1;
  }
  return want;
}

void Dispatcher::feed(const Want& want, std::vector<storage::Entry> entries, Now now) {
  if (want.epoch != epoch_) return;
  wake_due(now);  // while it was read: nothing newer of a key may pass by what has become due
  switch (want.what) {
    case Want::What::unread:
      return feed_unread(want, std::move(entries), now);
    case Want::What::waiting: {
      const EntryId known = entries.empty() ? kNowhere : entries.front().header.entry;
      return feed_waiting(want, std::move(entries), known, now);
    }
    case Want::What::delayed:
      return feed_delayed(entries);
  }
}

void Dispatcher::feed_compacted(const Want& want, std::vector<storage::Entry> entries, EntryId behind,
                                Now now) {
  if (want.epoch != epoch_) return;
  if (want.what == Want::What::waiting) {
    wake_due(now);
    return feed_waiting(want, std::move(entries), behind, now);
  }
  const EntryId taken = entries.empty() ? want.from : broker::behind(entries.back().header.entry);
  // Nothing at all would mean for the search that there is nothing up to its end.
  if (!entries.empty() || want.what != Want::What::delayed) feed(want, std::move(entries), now);
  // Behind the last one is a hole too, up to the horizon perhaps: it must not be read again and again.
  if (want.what == Want::What::unread && read_position_ == taken) read_position_ = behind;
  if (want.what == Want::What::delayed) delayed_.scanned_to(behind);
}

void Dispatcher::feed_unread(const Want& want, std::vector<storage::Entry> entries, Now now) {
  // What was taken back while this was read goes first: it has an order to keep.
  if (one_active() && !ready_.empty()) return;
  all_held_ = !entries.empty();
  for (storage::Entry& entry : entries) {
    if (entry.header.entry < read_position_) continue;
    if (!rate_allows(now)) return;
    usual_messages_ = std::max(1U, entry.header.message_count);
    if (!offer_unread(want, entry, now)) return;
    read_position_ = behind(entry.header.entry);
  }
}

/// What lies before `known` and is not among the entries was trimmed or compacted away: nobody can get it any
/// more.
void Dispatcher::feed_waiting(const Want& want, std::vector<storage::Entry> entries, EntryId known, Now now) {
  const EntryId end{want.from.value + want.entries_max};
  auto given = entries.begin();
  for (EntryId id = want.from; id < end; id = behind(id)) {
    while (given != entries.end() && given->header.entry < id) ++given;
    if (given != entries.end() && given->header.entry == id) {
      offer_waiting(std::move(*given), now);
    } else if (id < known) {
      if (const auto gone = waiting_.find(id); gone != waiting_.end()) drop_waiting(gone);
    }
  }
}

/// What was read before and is neither acknowledged nor out nor waiting is held until its time.
void Dispatcher::feed_delayed(const std::vector<storage::Entry>& entries) {
  const EntryId end = delayed_.scan_end();
  for (const storage::Entry& entry : entries) {
    const EntryId id = entry.header.entry;
    if (id >= end || !entry.header.deliver_at || !delayed_.sought(*entry.header.deliver_at, id)) continue;
    if (is_acknowledged(id) || out_.contains(id) || waiting_.contains(id)) continue;
    if (!loses(id)) delayed_.found(held_by(entry.header));
  }
  delayed_.scanned_to(entries.empty() ? end : behind(entries.back().header.entry));
}

void Dispatcher::offer_waiting(storage::Entry entry, Now now) {
  const auto at = waiting_.find(entry.header.entry);
  if (at == waiting_.end() || !at->second.ready) return;     // settled or returned anew while it was read
  if (one_active() && *ready_.begin() != at->first) return;  // it was taken back while this was read
  if (!rate_allows(now)) return;
  if (key_shared() && !keys_.may_send_waiting(at->second.hash, at->first)) return;
  const ConsumerNumber to = choose(at->second.hash);
  if (to == 0) return;
  const std::uint32_t redeliveries = at->second.redeliveries;
  drop_waiting(at);
  send(to, std::move(entry), redeliveries, now);
}

bool Dispatcher::offer_unread(const Want& want, storage::Entry& entry, Now now) {
  const EntryId id = entry.header.entry;
  if (is_acknowledged(id)) return true;
  state_.set(state_bytes());
  if (!paused().empty() || delayed_.due(now.wall)) return false;
  if (options_.hold_delayed && entry.header.deliver_at && *entry.header.deliver_at > now.wall) {
    if (!loses(id)) delayed_.hold(held_by(entry.header));
    return true;
  }
  all_held_ = false;
  const bool key_free = !key_shared() || keys_.may_send_new(entry.header.key_hash);
  if (key_free && want.headers_only) return false;  // the next read has its body
  const ConsumerNumber to = key_free ? choose(entry.header.key_hash) : 0;
  if (to != 0) {
    send(to, std::move(entry), 0, now);
    return true;
  }
  if (!key_shared()) return false;
  // Put aside, so that the keys of other consumers go on.
  put_waiting(id, {.hash = entry.header.key_hash, .messages = entry.header.message_count}, now);
  return true;
}

ConsumerNumber Dispatcher::choose(std::uint32_t hash) {
  if (options_.type == SubscriptionType::shared) return recipients_.next_in_turn();
  const ConsumerNumber only = key_shared() ? keys_.owner(hash) : recipients_.active();
  const Recipient* recipient = recipients_.find(only);
  return recipient != nullptr && recipient->can_take() ? only : 0;
}

void Dispatcher::send(ConsumerNumber to, storage::Entry entry, std::uint32_t redeliveries, Now now) {
  const storage::EntryHeader& header = entry.header;
  Recipient& recipient = *recipients_.find(to);
  Delivered delivered{.entry = {},
                      .redelivery_count = redeliveries,
                      .acknowledged = of_messages(durable_bits(header.entry), header.message_count)};
  Out out{.consumer = to,
          .redeliveries = redeliveries,
          .hash = header.key_hash,
          .messages = std::max(1U, header.message_count),
          .keyed = key_shared()};
  start_ack_timeout(header.entry, out, now);
  if (out.keyed) keys_.sent(out.hash, to);
  const std::uint32_t open = out.messages - count(delivered.acknowledged, out.messages);
  count_unacked(out, open);
  const bool fresh = out_.emplace(header.entry, out).second;
  GEMINGA_ASSERT(fresh);
  recipient.messages -= open;
  recipient.bytes -= static_cast<std::int64_t>(permit_bytes(entry));
  recipient.messages_out += open;
  recipient.bytes_out += header.body_bytes;
  messages_out_ += open;
  bytes_out_ += header.body_bytes;
  if (options_.rate != nullptr) options_.rate->spend(open, header.body_bytes, now.monotonic);
  if (redeliveries > 0) {
    recipient.redelivered += open;
    redelivered_ += open;
  }
  delivered.entry = std::move(entry);
  send_(to, std::move(delivered));
}

void Dispatcher::start_ack_timeout(EntryId entry, Out& out, Now now) {
  const Recipient* recipient = recipients_.find(out.consumer);
  if (recipient == nullptr || recipient->ack_timeout.count() == 0) return;
  out.ack_due = later(now, recipient->ack_timeout);
  ack_due_.emplace(out.ack_due, entry);
}

base::MonotonicTime Dispatcher::later(Now now, std::chrono::milliseconds delay) {
  return now.monotonic + std::min(delay, kDelayMax);
}

// --- waiting
// -------------------------------------------------------------------------------------------------------

void Dispatcher::wake_due(Now now) {
  while (!ack_due_.empty() && ack_due_.begin()->first <= now.monotonic) {
    const auto at = out_.find(ack_due_.begin()->second);
    ack_due_.erase(ack_due_.begin());
    at->second.ack_due = kNever;
    if (!at->second.settling) take_back(at, std::chrono::milliseconds{0}, true, now);
  }
  while (!not_due_.empty() && not_due_.begin()->first <= now.monotonic) {
    const EntryId entry = not_due_.begin()->second;
    not_due_.erase(not_due_.begin());
    Waiting& state = waiting_.at(entry);
    state.ready = true;
    ready_.insert(entry);
    if (key_shared()) keys_.becomes_ready(state.hash, entry);
  }
  while (ready_.size() < options_.waiting_max) {
    const auto held = delayed_.take_due(now.wall);
    if (!held) break;
    if (is_acknowledged(held->entry)) continue;  // it was compacted away meanwhile
    put_waiting(held->entry, {.hash = held->hash}, now);
  }
}

void Dispatcher::put_waiting(EntryId entry, Waiting state, Now now) {
  state.ready = state.due <= now.monotonic;
  if (state.ready) {
    ready_.insert(entry);
  } else {
    not_due_.emplace(state.due, entry);
  }
  if (key_shared()) keys_.waits(state.hash, entry, state.ready);
  const bool fresh = waiting_.emplace(entry, state).second;
  GEMINGA_ASSERT(fresh);
}

void Dispatcher::drop_waiting(WaitingMap::iterator at) {
  if (at->second.ready) {
    ready_.erase(at->first);
  } else {
    not_due_.erase(std::pair(at->second.due, at->first));
  }
  if (key_shared()) keys_.waits_no_more(at->second.hash, at->first);
  waiting_.erase(at);
}

std::optional<base::MonotonicTime> Dispatcher::next_due(Now now) const {
  base::MonotonicTime due = kNever;
  if (!not_due_.empty()) due = std::min(due, not_due_.begin()->first);
  if (!ack_due_.empty()) due = std::min(due, ack_due_.begin()->first);
  if (const auto at = delayed_.next_due(now.wall)) {
    // Not further than that ahead; nor would the end of time fit here.
    const std::chrono::milliseconds left = *at - now.wall;
    due = std::min<base::MonotonicTime>(due, now.monotonic + std::min(left, kTimerMax));
  }
  if (state_.spent()) due = std::min<base::MonotonicTime>(due, now.monotonic + kLookAtBudgetAfter);
  return due == kNever ? std::nullopt : std::optional(due);
}

std::string_view Dispatcher::paused() const {
  if (unacked_ >= options_.unacked_max) return "too many messages are delivered and not acknowledged";
  if (waiting_.size() >= options_.waiting_max)
    return "too many messages wait for their key or their consumer";
  if (state_.spent()) return "what all subscriptions have not settled takes all the memory there is for it";
  return {};
}

/// Near enough for a budget. The log has positions, too.
std::uint64_t Dispatcher::state_bytes() const {
  constexpr std::uint64_t kNode = 48;  // of a tree or on the heap, beside its value
  return out_.size() * (sizeof(OutMap::value_type) + kNode) +
         ack_due_.size() * (sizeof(decltype(ack_due_)::value_type) + kNode) +
         waiting_.size() *
             (sizeof(WaitingMap::value_type) + sizeof(decltype(not_due_)::value_type) + 2 * kNode) +
         partly_.size() * (sizeof(decltype(partly_)::value_type) + 2 * kNode) +
         2 * cursor_.acknowledged.size() * sizeof(storage::EntryRange) +
         2 * cursor_.batches.size() * (sizeof(storage::BatchAck) + kNode);
}

}  // namespace geminga::broker
