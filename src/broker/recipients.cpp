#include "broker/recipients.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

#include <fmt/format.h>

namespace geminga::broker {

/// As in Pulsar: what was compacted away has a meaning in order only.
Result<> check_read_compacted(const SubscribeOptions& options) {
  const bool in_order =
      options.type == SubscriptionType::exclusive || options.type == SubscriptionType::failover;
  if (!options.read_compacted || in_order) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("read_compacted needs an exclusive or failover subscription, which '{}' is not",
                          options.subscription));
}

Result<> check_hash_ranges(const SubscribeOptions& options) {
  for (const HashRange& range : options.hash_ranges) {
    if (range.first > range.last || range.last >= KeyOwners::kSlots)
      return fail(ErrorCode::invalid_argument, fmt::format("the hash range {}-{} is not within 0-{}",
                                                           range.first, range.last, KeyOwners::kSlots - 1));
  }
  auto sorted = options.hash_ranges;
  std::ranges::sort(sorted);
  const auto overlap = std::ranges::adjacent_find(
      sorted, [](const HashRange& one, const HashRange& next) { return next.first <= one.last; });
  if (overlap != sorted.end())
    return fail(ErrorCode::invalid_argument, "the hash ranges of one consumer overlap");
  if (!options.hash_ranges.empty() && options.type != SubscriptionType::key_shared)
    return fail(ErrorCode::invalid_argument, "hash ranges are for key_shared subscriptions only");
  return {};
}

void Recipients::add(ConsumerNumber number, Recipient recipient) {
  all_.insert_or_assign(number, std::move(recipient));
  choose_active();
}

void Recipients::remove(ConsumerNumber number) {
  all_.erase(number);
  choose_active();
}

Recipient* Recipients::find(ConsumerNumber number) {
  const auto found = all_.find(number);
  return found == all_.end() ? nullptr : &found->second;
}

const Recipient* Recipients::find(ConsumerNumber number) const {
  const auto found = all_.find(number);
  return found == all_.end() ? nullptr : &found->second;
}

void Recipients::choose_active() {
  active_ = 0;
  if (all_.empty()) return;
  std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
  for (const auto& [number, recipient] : all_) first = std::min(first, recipient.priority);
  std::vector<ConsumerNumber> candidates;  // in the order in which they connected
  for (const auto& [number, recipient] : all_) {
    if (recipient.priority == first) candidates.push_back(number);
  }
  if (partition_ < 0) {
    active_ = candidates.front();
    return;
  }
  std::ranges::sort(candidates, {}, [this](ConsumerNumber number) {
    return std::tuple<const std::string&, ConsumerNumber>(all_.at(number).name, number);
  });
  active_ = candidates[static_cast<std::size_t>(partition_) % candidates.size()];
}

ConsumerNumber Recipients::next_in_turn() {
  ConsumerNumber chosen = 0;
  std::uint32_t priority = std::numeric_limits<std::uint32_t>::max();
  auto at = all_.upper_bound(last_turn_);
  for (std::size_t looked = 0; looked < all_.size(); ++looked, ++at) {
    if (at == all_.end()) at = all_.begin();
    const bool better = chosen == 0 || at->second.priority < priority;
    if (!better || !at->second.can_take()) continue;
    chosen = at->first;
    priority = at->second.priority;
  }
  if (chosen != 0) last_turn_ = chosen;
  return chosen;
}

}  // namespace geminga::broker
