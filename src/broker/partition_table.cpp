#include "broker/partition_table.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/partition_name.hpp"

namespace geminga::broker {

std::uint32_t PartitionTable::count(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

void PartitionTable::set(const std::string& name, std::uint32_t partitions) {
  std::vector<std::shared_ptr<PartitionCallback>> listeners;
  {
    const std::lock_guard lock(mutex_);
    if (partitions == 0)
      counts_.erase(name);
    else
      counts_.insert_or_assign(name, partitions);
    const auto [begin, end] = watches_.equal_range(name);
    for (auto each = begin; each != end; ++each) {
      if (auto listener = each->second.lock()) listeners.push_back(std::move(listener));
    }
  }
  for (const auto& listener : listeners) (*listener)(partitions);
}

PartitionWatch PartitionTable::watch(const std::string& name, PartitionCallback changed) {
  auto watch = std::make_shared<PartitionCallback>(std::move(changed));
  const std::lock_guard lock(mutex_);
  std::erase_if(watches_, [](const auto& each) { return each.second.expired(); });
  watches_.emplace(name, watch);
  return watch;
}

std::vector<PartitionedTopic> PartitionTable::with_prefix(const std::string& prefix) const {
  std::vector<PartitionedTopic> found;
  const std::lock_guard lock(mutex_);
  for (auto at = counts_.lower_bound(prefix); at != counts_.end() && at->first.starts_with(prefix); ++at)
    found.push_back({.topic = at->first, .partitions = at->second});
  return found;
}

Result<> PartitionTable::check_plain(const std::string& name) const {
  if (const std::uint32_t own = count(name); own > 0)
    return fail(ErrorCode::conflict,
                fmt::format("{} has {} partitions and holds no messages itself; they are in {} and so on",
                            name, own, base::partition_name(name, 0)));
  const auto part = base::split_partition_name(name);
  const std::uint32_t siblings = part ? count(part->topic) : 0;
  if (siblings == 0 || part->partition < siblings) return {};
  return fail(ErrorCode::topic_not_found,
              fmt::format("{} has {} partitions, so there is no {}; grow it, or take a lower number",
                          part->topic, siblings, name));
}

}  // namespace geminga::broker
