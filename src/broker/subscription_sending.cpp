#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "broker/read_check.hpp"
#include "broker/subscription.hpp"
#include "broker/topic.hpp"

/// Reads for the dispatcher, and the way of what it sends to the sinks.
namespace geminga::broker {
namespace {

constexpr std::chrono::seconds kReadAgainAfter{1};

/// Not: damage, which stays, and the end of the broker.
bool may_pass(ErrorCode code) {
  return code != ErrorCode::topic_offline && code != ErrorCode::corrupted && code != ErrorCode::closed &&
         code != ErrorCode::topic_not_found;
}

}  // namespace

void Subscription::pump() {
  if (shut_down_) return;
  if (topic_.sends_in_turns()) return topic_.pump_all();
  tell_who_is_active();
  tell_end_of_topic();
  if (reading_ || pumping_ || seeking_ > 0 || read_again_) return;
  pumping_ = true;
  const Now now = context_->now();
  while (!reading_ && !read_again_) {
    const auto want = dispatcher_.next_read(topic_.end(), now);
    if (!want || !read(*want, now)) break;
    // The search for what is delayed may be long: others of this core have a turn between its steps.
    if (want->what == Dispatcher::Want::What::delayed) {
      pump_later();
      break;
    }
  }
  pumping_ = false;
  hand_over();
  if (!reading_) arm_timer(now);
  topic_.limits().wait_for_dispatch(now.monotonic);
  say_when_paused();
}

void Subscription::pump_later() {
  if (pump_posted_) return;
  pump_posted_ = topic_.core().loop.post([self = shared_from_this()] {
    self->pump_posted_ = false;
    self->pump();
  });
}

bool Subscription::read(const Dispatcher::Want& want, Now now) {
  if (compacted_ && compacted_->covers(want.from)) {
    read_compacted(want);
    return false;
  }
  std::optional<Result<std::vector<storage::Entry>>> at_once;
  reading_ = true;
  context_->log->read(
      {.topic = topic_.id(),
       .from = want.from,
       .entries_max = want.entries_max,
       .bytes_max = want.bytes_max,
       .headers_only = want.headers_only},
      [self = shared_from_this(), topic = topic_.shared_from_this(), want, reads = compacted_,
       &at_once](Result<std::vector<storage::Entry>> entries) {
        // On our own thread only when the log answers from memory, before read() returns.
        if (topic->core().loop.here()) {
          at_once = without_holes(std::move(entries));
          return;
        }
        topic->core().loop.post([self, topic, want, reads, entries = std::move(entries)]() mutable {
          self->reading_ = false;
          // Other consumers may have come meanwhile, who read the topic compacted.
          if (reads == self->compacted_) {
            self->read_done(want, without_holes(std::move(entries)));
          } else {
            self->pump();
          }
          // Whatever came of it, the others have waited for it.
          if (topic->sends_in_turns()) topic->pump_all();
        });
      });
  if (!at_once) return false;
  reading_ = false;
  if (!*at_once) {
    reading_failed(at_once->error());
    return false;
  }
  if (at_once->value().empty() && want.what == Dispatcher::Want::What::unread) return false;
  dispatcher_.feed(want, std::move(**at_once), now);
  return true;
}

void Subscription::read_done(const Dispatcher::Want& want, Result<std::vector<storage::Entry>> entries) {
  if (shut_down_ || seeking_ > 0) return;
  if (!entries) return reading_failed(entries.error());
  if (entries->empty() && want.what == Dispatcher::Want::What::unread) return;
  pumping_ = true;
  dispatcher_.feed(want, std::move(*entries), context_->now());
  pumping_ = false;
  pump();
}

/// What may pass is tried again. For the rest consumers shall know that what they wait for cannot be read;
/// whoever connects again tries again.
void Subscription::reading_failed(const Error& error) {
  if (may_pass(error.code)) {
    log::warn("broker", "subscription '{}' of {} is read again in {} s: {}", row_.name, topic_.name(),
              kReadAgainAfter.count(), error.message);
    return read_again_later();
  }
  log::error("broker", "subscription '{}' of {} cannot be read: {}", row_.name, topic_.name(), error.message);
  end_consumers(error.with("reading " + topic_.name()));
}

void Subscription::read_again_later() {
  if (read_again_) return;
  read_again_ = std::make_unique<base::Timer>(topic_.core().loop);
  read_again_->set_after(kReadAgainAfter, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->read_again_.reset();
    self->acknowledge_missing(std::exchange(self->missing_, {}));
    self->pump();
  });
}

void Subscription::hand_over() {
  for (auto& [number, consumer] : consumers_) {
    if (consumer.outbox.empty()) continue;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    for (const Delivered& delivered : consumer.outbox) {
      const storage::EntryHeader& header = delivered.entry.header;
      messages += header.message_count - count(delivered.acknowledged, header.message_count);
      bytes += header.body_bytes;
    }
    topic_.count_out(messages, bytes);
    consumer.sink->on_entries(std::exchange(consumer.outbox, {}));
  }
}

void Subscription::arm_timer(Now now) {
  const auto due = dispatcher_.next_due(now);
  if (!due || consumers_.empty()) {
    if (timer_) timer_->cancel();
    return;
  }
  if (!timer_) timer_ = std::make_unique<base::Timer>(topic_.core().loop);
  timer_->set_after(std::chrono::ceil<std::chrono::milliseconds>(*due - now.monotonic),
                    [weak = weak_from_this()] {
                      if (const auto self = weak.lock()) self->pump();
                    });
}

void Subscription::say_when_paused() {
  const std::string_view reason = dispatcher_.paused();
  if (reason.empty() != paused_) return;
  paused_ = !paused_;
  log::warn("broker", "subscription '{}' of {} {}{}: {} unacknowledged, {} waiting, {} delayed", row_.name,
            topic_.name(), paused_ ? "pauses, " : "goes on", reason, dispatcher_.unacked_count(),
            dispatcher_.waiting_count(), dispatcher_.delayed_count());
}

}  // namespace geminga::broker
