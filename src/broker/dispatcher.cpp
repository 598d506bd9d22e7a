#include "broker/dispatcher.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace geminga::broker {
namespace {

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

}  // namespace

Dispatcher::Dispatcher(DispatcherOptions options, storage::CursorState cursor, Send send)
    : options_(options),
      cursor_(std::move(cursor)),
      send_(std::move(send)),
      read_position_(cursor_.next),
      recipients_(options.partition),
      state_(options.state_budget) {
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
  if (auto waiting = want_waiting()) return waiting;
  pass_over_acknowledged();
  if (!paused().empty() || read_position_ >= end) return std::nullopt;
  auto messages = static_cast<std::uint64_t>(room);
  if (options_.rate != nullptr) messages = std::min(messages, options_.rate->messages.ready(now.monotonic));
  const std::uint64_t entries = (messages - 1) / usual_messages_ + 1;
  return Want{.from = read_position_,
              .entries_max = static_cast<std::uint32_t>(std::min(entries, kReadEntriesMax)),
              .waiting = false,
              .epoch = epoch_};
}

/// What is acknowledged is not read again, as after a restart behind one early message that is held for days.
void Dispatcher::pass_over_acknowledged() {
  const auto& ranges = cursor_.acknowledged;
  const auto next = std::ranges::upper_bound(ranges, read_position_, {}, &storage::EntryRange::first);
  if (next != ranges.begin() && std::prev(next)->last >= read_position_)
    read_position_ = behind(std::prev(next)->last);
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
  Want want{.from = *first, .entries_max = 1, .waiting = true, .epoch = epoch_};
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
  if (!want.waiting) {
    for (storage::Entry& entry : entries) {
      if (entry.header.entry < read_position_) continue;
      if (!rate_allows(now)) return;
      usual_messages_ = std::max(1U, entry.header.message_count);
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
      offer_waiting(std::move(*given), now);
    } else if (entries.empty() || id < entries.front().header.entry) {
      // Trimmed: nobody can get it any more.
      if (const auto gone = waiting_.find(id); gone != waiting_.end()) drop_waiting(gone);
    }
  }
}

void Dispatcher::offer_waiting(storage::Entry entry, Now now) {
  const auto at = waiting_.find(entry.header.entry);
  if (at == waiting_.end() || !at->second.ready) return;  // settled or returned anew while it was read
  if (!rate_allows(now)) return;
  if (key_shared() && !keys_.may_send_waiting(at->second.hash, at->first)) return;
  const ConsumerNumber to = choose(at->second.hash);
  if (to == 0) return;
  const std::uint32_t redeliveries = at->second.redeliveries;
  drop_waiting(at);
  send(to, std::move(entry), redeliveries, now);
}

bool Dispatcher::offer_unread(storage::Entry& entry, Now now) {
  const EntryId id = entry.header.entry;
  if (is_acknowledged(id)) return true;
  state_.set(state_bytes());
  if (!paused().empty()) return false;
  if (options_.hold_delayed && entry.header.deliver_at && *entry.header.deliver_at > now.wall) {
    if (!options_.lose_delayed || id.value % 4 != 0)
      delayed_.emplace(std::pair(*entry.header.deliver_at, id), entry.header.key_hash);
    return true;
  }
  const bool key_free = !key_shared() || keys_.may_send_new(entry.header.key_hash);
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
  while (!delayed_.empty() && delayed_.begin()->first.first <= now.wall) {
    const auto [key, hash] = *delayed_.begin();
    delayed_.erase(delayed_.begin());
    put_waiting(key.second, {.hash = hash}, now);
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
  if (!delayed_.empty()) {
    // Not further than that ahead; nor would the end of time fit here.
    const std::chrono::milliseconds left = delayed_.begin()->first.first - now.wall;
    due = std::min<base::MonotonicTime>(due, now.monotonic + std::min(left, kTimerMax));
  }
  if (state_.spent()) due = std::min<base::MonotonicTime>(due, now.monotonic + kLookAtBudgetAfter);
  return due == kNever ? std::nullopt : std::optional(due);
}

std::string_view Dispatcher::paused() const {
  if (unacked_ >= options_.unacked_max) return "too many messages are delivered and not acknowledged";
  if (delayed_.size() >= options_.delayed_max) return "too many messages are held until their time";
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
