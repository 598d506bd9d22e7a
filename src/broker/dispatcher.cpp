#include "broker/dispatcher.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace geminga::broker {
namespace {

/// When others may have given back what a subscription waits for.
constexpr std::chrono::milliseconds kLookAtBudgetAfter{100};
/// The wall clock may be set forward, and the monotonic one stands still while the machine sleeps.
constexpr std::chrono::milliseconds kTimerMax = std::chrono::seconds{10};

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
  for (const EntryId chunk : chunks_.take_all_from(consumer)) ready_.insert(chunk);
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

// --- waiting
// -------------------------------------------------------------------------------------------------------

void Dispatcher::wake_due(Now now) {
  while (!ack_due_.empty() && ack_due_.begin()->first <= now.monotonic) {
    const auto at = out_.find(ack_due_.begin()->second);
    ack_due_.erase(ack_due_.begin());
    at->second.ack_due = kNever;
    if (at->second.settling == 0) take_back(at, std::chrono::milliseconds{0}, true, now);
  }
  while (!not_due_.empty() && not_due_.begin()->first <= now.monotonic) {
    const EntryId entry = not_due_.begin()->second;
    not_due_.erase(not_due_.begin());
    Waiting& state = waiting_.at(entry);
    state.ready = true;
    make_ready(entry);
    if (key_shared()) keys_.becomes_ready(state.hash, entry);
  }
  while (ready_.size() < options_.waiting_max) {
    const auto held = delayed_.take_due(now.wall);
    if (!held) break;
    // It was acknowledged or compacted away meanwhile, or is about to be.
    if (is_acknowledged(held->entry) || known(held->entry)) continue;
    put_waiting(held->entry, {.hash = held->hash}, now);
  }
}

void Dispatcher::put_waiting(EntryId entry, Waiting state, Now now) {
  state.ready = state.due <= now.monotonic;
  if (state.ready) {
    make_ready(entry);
  } else {
    not_due_.emplace(state.due, entry);
  }
  if (key_shared()) keys_.waits(state.hash, entry, state.ready);
  const bool fresh = waiting_.emplace(entry, state).second;
  GEMINGA_ASSERT(fresh);
}

void Dispatcher::make_ready(EntryId entry) {
  if (chunks_.consumer_of(entry) != 0)
    chunks_.ready(entry);
  else
    ready_.insert(entry);
}

void Dispatcher::give_up_waiting(WaitingMap::iterator at) {
  chunks_.forget(at->first);
  drop_waiting(at);
}

void Dispatcher::drop_waiting(WaitingMap::iterator at) {
  if (at->second.ready) {
    ready_.erase(at->first);
    chunks_.not_ready(at->first);
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
         chunks_.bytes() + partly_.size() * (sizeof(decltype(partly_)::value_type) + 2 * kNode) +
         2 * cursor_.acknowledged.size() * sizeof(storage::EntryRange) +
         2 * cursor_.batches.size() * (sizeof(storage::BatchAck) + kNode);
}

}  // namespace geminga::broker
