#include <algorithm>

#include "base/assert.hpp"
#include "broker/dispatcher.hpp"

/// What the dispatcher wants to read, and what it does with the answers.
namespace geminga::broker {
namespace {

constexpr EntryId kNowhere{std::numeric_limits<std::uint64_t>::max()};
constexpr std::uint64_t kReadEntriesMax = 1'000;
constexpr std::uint32_t kWaitingRunMax = 64;
/// Longer than any wait and short enough for a monotonic time.
constexpr std::chrono::milliseconds kDelayMax = std::chrono::years{100};

EntryId behind(EntryId entry) {
  return EntryId{entry.value + 1};
}

/// Of a header with a deliver-at.
Held held_by(const storage::EntryHeader& header) {
  return {.deliver_at = *header.deliver_at, .entry = header.entry, .hash = header.key_hash};
}

}  // namespace

std::optional<Dispatcher::Want> Dispatcher::next_read(EntryId end, Now now) {
  wake_due(now);
  state_.set(state_bytes());
  Room room;
  for (const auto& [number, recipient] : recipients_.all()) {
    const bool in_line = !one_active() || number == recipients_.active();
    if (!in_line || !recipient.can_take()) continue;
    room.messages += static_cast<std::uint64_t>(recipient.messages);
    room.bytes = std::min(room.bytes + static_cast<std::uint64_t>(recipient.bytes), kReadBytesMax);
  }
  if (room.messages == 0 || !rate_allows(now)) return std::nullopt;
  // The search for what is delayed may be long; it shares the disk with what can be sent.
  const auto delayed = want_delayed();
  delayed_had_turn_ = delayed && !delayed_had_turn_;
  if (delayed_had_turn_) return delayed;
  if (auto waiting = want_waiting()) return waiting;
  if (auto unread = want_unread(end, room, now)) return unread;
  return delayed;
}

std::optional<Dispatcher::Want> Dispatcher::want_unread(EntryId end, Room room, Now now) {
  // What is acknowledged is not read again, as after a restart behind one early message that is held for
  // days.
  read_position_ = behind_acknowledged(read_position_);
  if (!paused().empty() || delayed_.due(now.wall) || read_position_ >= end) return std::nullopt;
  std::uint64_t messages = room.messages;
  if (options_.rate != nullptr) messages = std::min(messages, options_.rate->messages.ready(now.monotonic));
  const std::uint64_t entries = all_held_ ? kReadEntriesMax : (messages - 1) / usual_messages_ + 1;
  return Want{.from = read_position_,
              .entries_max = static_cast<std::uint32_t>(std::min(entries, kReadEntriesMax)),
              .bytes_max = std::max(room.bytes, kReadBytesMin),
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
  std::optional<EntryId> first;
  if (!key_shared() && !ready_.empty()) first = *ready_.begin();
  if (!key_shared() && chunks_.empty()) return first;
  for (const auto& [number, recipient] : recipients_.all()) {
    if (!recipient.can_take()) continue;
    const auto its = key_shared() ? keys_.first_for(number) : chunks_.first_for(number);
    if (its && (!first || *its < *first)) first = its;
  }
  return first;
}

std::optional<Dispatcher::Want> Dispatcher::want_waiting() {
  const auto first = first_sendable();
  if (!first) return std::nullopt;
  Want want{.from = *first, .entries_max = 1, .what = Want::What::waiting, .epoch = epoch_};
  for (auto next = std::next(waiting_.find(*first));
       next != waiting_.end() && want.entries_max < kWaitingRunMax; ++next) {
    if (!next->second.ready || next->first.value != want.from.value + want.entries_max) break;
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
  if (want.from > read_position_) return;  // it is read again from before this, see read_again_from()
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
      if (const auto gone = waiting_.find(id); gone != waiting_.end()) give_up_waiting(gone);
    }
  }
}

/// What was read before and is neither acknowledged nor out nor waiting is held until its time.
void Dispatcher::feed_delayed(const std::vector<storage::Entry>& entries) {
  const EntryId end = delayed_.scan_end();
  for (const storage::Entry& entry : entries) {
    const EntryId id = entry.header.entry;
    if (id >= end || !entry.header.deliver_at || !delayed_.sought(*entry.header.deliver_at, id)) continue;
    if (is_acknowledged(id) || known(id)) continue;
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
  if (ChunkOrder::is_chunk(entry.header) && !chunks_.knows(at->first)) {  // it was held until its time
    ready_.erase(at->first);
    chunks_.add(entry.header);
    make_ready(at->first);
  }
  if (follows_ready_chunk(entry.header)) return;  // that one was taken back while this was read
  const ConsumerNumber to = choose(entry.header, at->second.hash);
  if (to == 0) return;
  const std::uint32_t redeliveries = at->second.redeliveries;
  drop_waiting(at);
  send(to, std::move(entry), redeliveries, now);
}

bool Dispatcher::offer_unread(const Want& want, storage::Entry& entry, Now now) {
  const EntryId id = entry.header.entry;
  if (is_acknowledged(id) || (id < passed_to_ && known(id))) return true;
  state_.set(state_bytes());
  if (!paused().empty() || delayed_.due(now.wall)) return false;
  if (options_.hold_delayed && entry.header.deliver_at && *entry.header.deliver_at > now.wall) {
    if (!loses(id)) delayed_.hold(held_by(entry.header));
    return true;
  }
  all_held_ = false;
  if (const auto due = waits_with_message(entry.header)) {
    chunks_.add(entry.header);
    put_waiting(id, {.hash = entry.header.key_hash, .messages = entry.header.message_count, .due = *due},
                now);
    return true;
  }
  const bool key_free = !key_shared() || keys_.may_send_new(entry.header.key_hash);
  if (key_free && want.headers_only) return false;  // the next read has its body
  const ConsumerNumber to = key_free ? choose(entry.header, entry.header.key_hash) : 0;
  if (to != 0) {
    send(to, std::move(entry), 0, now);
    return true;
  }
  if (!key_shared()) return false;
  // Put aside, so that the keys of other consumers go on.
  put_waiting(id, {.hash = entry.header.key_hash, .messages = entry.header.message_count}, now);
  return true;
}

ConsumerNumber Dispatcher::choose(const storage::EntryHeader& header, std::uint32_t hash) {
  ConsumerNumber only = key_shared() ? keys_.owner(hash) : recipients_.active();
  if (options_.type == SubscriptionType::shared) {
    only = ChunkOrder::is_chunk(header) ? chunks_.consumer_of(header) : 0;
    if (only == 0) return recipients_.next_in_turn();
  }
  const Recipient* recipient = recipients_.find(only);
  return recipient != nullptr && recipient->can_take() ? only : 0;
}

std::optional<base::MonotonicTime> Dispatcher::waits_with_message(const storage::EntryHeader& header) const {
  if (options_.type != SubscriptionType::shared || !ChunkOrder::is_chunk(header)) return std::nullopt;
  const auto first = chunks_.first_of(header);
  if (!first) return std::nullopt;
  const ConsumerNumber consumer = chunks_.consumer_of(header);
  if (const Recipient* recipient = recipients_.find(consumer)) {
    const bool in_turn = !waiting_.contains(chunks_.before(header).value_or(header.entry));
    return in_turn && recipient->can_take() ? std::nullopt : std::optional(base::MonotonicTime{});
  }
  const auto waits = waiting_.find(*first);
  return waits == waiting_.end() ? base::MonotonicTime{} : waits->second.due;
}

/// Then that one is what can be sent first, so all goes on.
bool Dispatcher::follows_ready_chunk(const storage::EntryHeader& header) const {
  if (!ChunkOrder::is_chunk(header)) return false;
  const auto before = chunks_.before(header);
  const auto waits = before ? waiting_.find(*before) : waiting_.end();
  return waits != waiting_.end() && waits->second.ready;
}

void Dispatcher::note_chunk(const storage::EntryHeader& header, ConsumerNumber to) {
  chunks_.add(header);
  if (options_.type != SubscriptionType::shared || chunks_.consumer_of(header) == to) return;
  chunks_.give(header, to);
  for (const EntryId chunk : chunks_.others(header.entry)) {
    if (ready_.erase(chunk) > 0) chunks_.ready(chunk);
  }
}

void Dispatcher::send(ConsumerNumber to, storage::Entry entry, std::uint32_t redeliveries, Now now) {
  const storage::EntryHeader& header = entry.header;
  Recipient& recipient = *recipients_.find(to);
  Delivered delivered{.entry = {},
                      .redelivery_count = redeliveries,
                      .acknowledged = of_messages(accepted_bits(header.entry), header.message_count)};
  Out out{.consumer = to,
          .redeliveries = redeliveries,
          .hash = header.key_hash,
          .messages = std::max(1U, header.message_count),
          .keyed = key_shared()};
  const AckBits durable = of_messages(durable_bits(header.entry), header.message_count);
  out.counted_on = count(delivered.acknowledged, out.messages) > count(durable, out.messages);
  start_ack_timeout(header.entry, out, now);
  if (ChunkOrder::is_chunk(header)) note_chunk(header, to);
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

}  // namespace geminga::broker
