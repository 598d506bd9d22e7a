#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "broker/time_search.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

constexpr std::chrono::minutes kAheadMax{1};
constexpr std::chrono::hours kSayAgainAfter{1};

}  // namespace

void Topic::trim() {
  begin_trim();
  if (!trimming_) trim_ended();
}

void Topic::trim(Answer<void> done) {
  trim_asked_.push_back(std::move(done));
  trim();
}

void Topic::trim_ended() {
  for (auto& answer : std::exchange(trim_asked_, {})) answer(Result<>{});
}

/// Pulsar's rule: what every subscription has acknowledged is kept while it is within both the time and the
/// size limit. A topic without any subscription keeps everything until retention is set for it.
void Topic::begin_trim() {
  if (deleted()) return drop_again();
  tell_log_of_trim();
  if (trimming_ || end_ == first_) return;
  const RetentionPolicy& policy = row_.retention;
  if (subscriptions_.empty() && policy == RetentionPolicy{}) return;
  const EntryId acknowledged = std::min(acknowledged_before(), compaction_.needed_from());
  if (acknowledged <= first_) return;
  const EntryId within_size = kept_by_size();
  if (!policy.time || policy.time->count() == 0) {
    const EntryId within_time = policy.time ? end_ : first_;
    return trim_to(std::max(within_time, within_size));
  }
  const Timestamp since = context_->now().wall - *policy.time;
  if (!oldest_kept_ || oldest_kept_->first != first_) return look_at_oldest();
  say_when_ahead(oldest_kept_->second);
  if (oldest_kept_->second >= since) return trim_to(within_size);
  trimming_ = true;
  find_by_time(shared_from_this(), first_, acknowledged, since,
               [self = shared_from_this(), within_size](Result<EntryId> within_time) {
                 self->trimming_ = false;
                 // In doubt nothing is forgotten for its age.
                 self->trim_to(std::max(within_time.value_or(self->first_), within_size));
                 self->trim_ended();
               });
}

/// Publish times never go back: one message under a wrong clock dates all that follow. How old they are
/// nobody knows then, and in doubt nothing is forgotten.
void Topic::say_when_ahead(Timestamp oldest) {
  const Now now = context_->now();
  if (oldest <= now.wall + kAheadMax) return;
  if (said_ahead_ && now.monotonic < *said_ahead_ + kSayAgainAfter) return;
  said_ahead_ = now.monotonic;
  log::warn(
      "broker",
      "{}: the oldest message was published under a wrong clock, at {}; until then nothing expires or is "
      "forgotten for its age. Retention by size, skip and acknowledgements go on",
      row_.name, base::to_iso8601(oldest));
}

/// Time alone will let it forget something.
bool Topic::waits_to_trim() const {
  const auto& time = row_.retention.time;
  return time && time->count() > 0 && first_ < std::min(acknowledged_before(), compaction_.needed_from());
}

EntryId Topic::kept_by_size() const {
  const auto& bytes = row_.retention.bytes;
  return bytes ? std::max(first_, context_->log->first_within(row_.id, *bytes)) : first_;
}

EntryId Topic::acknowledged_before() const {
  EntryId before = end_;
  for (const auto& [name, subscription] : subscriptions_)
    before = std::min(before, subscription->acknowledged_before());
  // One that is being created may ask for the earliest.
  return creating_.empty() ? before : first_;
}

/// While the oldest one is within the time, nothing has to be searched.
void Topic::look_at_oldest() {
  trimming_ = true;
  context_->log->read({.topic = row_.id, .from = first_, .entries_max = 1},
                      [self = shared_from_this(), at = first_](Result<std::vector<storage::Entry>> entries) {
                        self->core_.loop.post([self, at, entries = std::move(entries)] {
                          self->trimming_ = false;
                          if (!entries || entries->empty())
                            return self->trim_ended();  // the next turn asks again
                          self->oldest_kept_ = {at, entries->front().header.publish_time};
                          self->trim();
                        });
                      });
}

/// As far as nobody needs it: while it was looked how far, a seek may have brought back what lies before,
/// or a compaction may have begun.
void Topic::trim_to(EntryId before) {
  before = std::min({before, acknowledged_before(), compaction_.needed_from()});
  if (before <= first_ || deleted()) return;
  first_ = before;
  tell_log_of_trim();
}

/// What the log refuses, on a full disk for example, it is told again at the next turn.
void Topic::tell_log_of_trim() {
  if (first_ <= trimmed_ || std::exchange(telling_log_, true)) return;
  storage::Transaction transaction;
  transaction.operations.emplace_back(storage::Trim{.topic = row_.id, .before = first_});
  transaction.done = [self = shared_from_this(), before = first_](const Result<storage::Receipt>& receipt) {
    if (!receipt) log::warn("broker", "{} could not be trimmed: {}", self->name(), receipt.error().message);
    self->core_.loop.post([self, before, told = receipt.has_value()] {
      self->telling_log_ = false;
      if (told) self->trimmed_ = std::max(self->trimmed_, before);
    });
  };
  context_->log->submit(std::move(transaction));
}

}  // namespace geminga::broker
