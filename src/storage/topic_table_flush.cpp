// The way of entries from memory into segments, and what becomes of extents. The rest stands in
// topic_table.cpp.
#include <algorithm>
#include <iterator>

#include "base/assert.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

void TopicTable::freeze(
    std::move_only_function<void(const std::unordered_map<TopicId, std::unique_ptr<Topic>>&)> snapshot) {
  const std::lock_guard lock(mutex_);
  GEMINGA_ASSERT(frozen_bytes_.load() == 0);
  for (Topic* topic : with_active_) {
    GEMINGA_ASSERT(topic->frozen.empty());
    topic->frozen.swap(topic->active);
  }
  with_active_.clear();
  frozen_bytes_ = active_bytes_.exchange(0);
  snapshot(topics_);
}

void TopicTable::thaw() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, topic] : topics_) {
    if (topic->frozen.empty()) continue;
    if (topic->active.empty()) with_active_.push_back(topic.get());
    topic->active.swap(topic->frozen);
    std::ranges::move(topic->frozen, std::back_inserter(topic->active));
    topic->frozen.clear();
  }
  active_bytes_ += frozen_bytes_.exchange(0);
}

std::vector<TopicTable::FrozenRun> TopicTable::frozen_runs() const {
  std::vector<FrozenRun> runs;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, topic] : topics_) {
    if (topic->frozen.empty() || topic->frozen.back().header.entry < topic->state.first) continue;
    const std::uint64_t base = topic->frozen.front().header.entry.value;
    const std::uint64_t skip = topic->state.first.value > base ? topic->state.first.value - base : 0;
    runs.push_back({id, {topic->frozen.begin() + static_cast<std::ptrdiff_t>(skip), topic->frozen.end()}});
  }
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.topic < b.topic; });
  return runs;
}

void TopicTable::install(const std::vector<NewExtent>& extents) {
  std::vector<std::vector<Entry>> gone;  // freed without the lock
  const std::lock_guard lock(mutex_);
  for (const NewExtent& one : extents) {
    const auto found = topics_.find(one.topic);
    if (found == topics_.end()) {
      dead_.push_back(one.extent);
    } else if (one.extent.last < found->second->state.first) {
      dead_.push_back(one.extent);
    } else {
      Topic& topic = *found->second;
      // Trimmed since the segment was begun: an extent counts whole until it is dead.
      for (const Entry& entry : topic.frozen) {
        if (entry.header.entry >= topic.state.first) break;
        if (entry.header.entry >= one.extent.first) topic.state.stored_bytes += stored_bytes(entry);
      }
      topic.extents.push_back(one.extent);
    }
  }
  for (auto& [id, topic] : topics_) {
    if (!topic->frozen.empty()) gone.push_back(std::exchange(topic->frozen, {}));
  }
  frozen_bytes_ = 0;
}

std::optional<EntryId> TopicTable::live_from(TopicId topic, const Extent& extent) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(topic);
  if (found == topics_.end() ||
      std::ranges::find(found->second->extents, extent) == found->second->extents.end())
    return std::nullopt;
  return std::max(found->second->state.first, extent.first);
}

void TopicTable::move(TopicId topic, const Extent& from, const Extent& to) {
  const std::lock_guard lock(mutex_);
  if (const auto found = topics_.find(topic); found != topics_.end()) {
    auto& extents = found->second->extents;
    if (const auto place = std::ranges::find(extents, from); place != extents.end()) {
      *place = to;
      found->second->state.stored_bytes += to.bytes - from.bytes;
      return;
    }
  }
  dead_.push_back(to);
}

std::vector<Extent> TopicTable::take_dead() {
  const std::lock_guard lock(mutex_);
  return std::exchange(dead_, {});
}

}  // namespace geminga::storage
