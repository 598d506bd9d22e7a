#include "broker/recipients.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

namespace geminga::broker {

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
