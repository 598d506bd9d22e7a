#include <algorithm>

#include "base/log.hpp"
#include "broker/time_search.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

/// Pulsar's rule: what every subscription has acknowledged is kept while it is within both the time and the
/// size limit. A topic without any subscription keeps everything until retention is set for it.
void Topic::trim() {
  if (trimming_ || deleted() || end_ == first_) return;
  const RetentionPolicy& policy = row_.retention;
  if (subscriptions_.empty() && policy == RetentionPolicy{}) return;
  const EntryId acknowledged = acknowledged_before();
  const EntryId within_size = kept_by_size();
  if (!policy.time || policy.time->count() == 0) {
    const EntryId within_time = policy.time ? end_ : first_;
    return trim_to(std::min(acknowledged, std::max(within_time, within_size)));
  }
  if (acknowledged <= first_) return;
  trimming_ = true;
  const Timestamp since = context_->now().wall - *policy.time;
  find_by_time(shared_from_this(), first_, acknowledged, since,
               [self = shared_from_this(), acknowledged, within_size](EntryId within_time) {
                 self->trimming_ = false;
                 self->trim_to(std::min(acknowledged, std::max(within_time, within_size)));
               });
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

void Topic::trim_to(EntryId before) {
  if (before <= first_ || deleted()) return;
  first_ = before;
  storage::Transaction transaction;
  transaction.operations.emplace_back(storage::Trim{.topic = row_.id, .before = before});
  transaction.done = [self = shared_from_this()](const Result<storage::Receipt>& receipt) {
    if (!receipt) log::warn("broker", "{} could not be trimmed: {}", self->name(), receipt.error().message);
  };
  context_->log->submit(std::move(transaction));
}

}  // namespace geminga::broker
