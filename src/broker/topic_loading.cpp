#include <algorithm>
#include <utility>

#include "broker/topic.hpp"

/// What a topic takes from the log when it is loaded, and what it leaves behind when it goes: see
/// TopicRegistry.
namespace geminga::broker {

void Topic::load(TopicRecord record) {
  storage::TopicState state;  // the log knows nothing of a topic without a record
  if (auto known = context_->log->state(row_.id)) state = *std::move(known);
  ledgers_ = std::move(state.ledgers);
  first_ = trimmed_ = state.first;
  end_ = state.next;
  if (record.compaction_failure) compaction_.set_failure(std::move(*record.compaction_failure));
  for (auto& [row, counters] : record.subscriptions) {
    const std::string name = row.name;
    auto& cursor = state.cursors[row.id];
    subscriptions_.emplace(
        name, std::make_shared<Subscription>(context_, *this, std::move(row), std::move(cursor), counters));
  }
}

TopicRecord Topic::record() const {
  TopicRecord record{.row = row_, .counters = counters_};
  record.row.terminated = terminated();
  record.row.view = compaction_.row();
  if (limits_.own() != Policies{}) record.policies = std::make_unique<Policies>(limits_.own());
  if (const Error* failure = compaction_.failure())
    record.compaction_failure = std::make_unique<Error>(*failure);
  BrokerStats sums;
  for (const auto& [name, subscription] : subscriptions_) {
    record.subscriptions.push_back({.row = subscription->row(), .counters = subscription->counters()});
    subscription->add_to(sums);
  }
  record.backlog = sums.backlog;
  record.acknowledged_ranges = sums.acknowledged_ranges;
  return record;
}

bool Topic::has_all_answered() const {
  return context_->log->answered_before(row_.id) <= end_;
}

bool Topic::quiet() const {
  return !core_.ended && !deleted() && !subscriptions_held_ && creating_.empty() && terminating_.empty() &&
         readers_.empty() && passing_.empty() && producers_.idle() && !trimming_ && !telling_log_ &&
         first_ == trimmed_ && !waits_to_trim() && !limits_.needs_clock() && compaction_.quiet() &&
         std::ranges::all_of(subscriptions_, [](const auto& each) { return each.second->quiet(); });
}

}  // namespace geminga::broker
