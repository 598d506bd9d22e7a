#include "bus/message_queue.hpp"

#include <utility>

#include "base/assert.hpp"

namespace geminga::bus {

void MessageQueue::free_room(const EngineMessage& message) {
  freed_.messages += 1;
  freed_.bytes += message.bytes;
}

void MessageQueue::leave_queue(Item& item) {
  if (std::exchange(item.in_queue, false)) free_room(item.message);
}

void MessageQueue::park(Lane& lane) {
  for (Item& item : lane.items) {
    if (parked_ >= parked_max_) return;
    if (!item.in_queue) continue;
    leave_queue(item);
    item.parked = true;
    ++parked_;
  }
}

void MessageQueue::push(std::vector<EngineMessage> messages) {
  if (messages.empty()) return;
  size_ += messages.size();
  if (!orderly_) {
    plain_.push_back({std::move(messages)});
    return;
  }
  for (EngineMessage& message : messages) push_in_lane(std::move(message));
}

void MessageQueue::push_in_lane(EngineMessage message) {
  const std::string key(message.key());
  Lane& lane = lanes_[key];
  lane.items.push_back(Item{std::move(message)});
  if (lane.state == LaneState::idle) {
    lane.state = LaneState::ready;
    ready_.push_back(key);
  } else if (lane.state == LaneState::blocked) {
    park(lane);
  }
}

EngineMessage MessageQueue::take_plain() {
  Run& run = plain_.front();
  EngineMessage message = std::move(run.messages[run.next++]);
  if (run.next == run.messages.size()) plain_.pop_front();
  --size_;
  free_room(message);
  return message;
}

EngineMessage MessageQueue::take_front(std::deque<Item>& items) {
  Item item = std::move(items.front());
  items.pop_front();
  --size_;
  leave_queue(item);
  if (item.parked) --parked_;
  return std::move(item.message);
}

std::optional<EngineMessage> MessageQueue::take(base::MonotonicTime now) {
  if (!orderly_) return plain_.empty() ? std::nullopt : std::optional(take_plain());
  while (!blocked_.empty() && blocked_.begin()->first <= now) {
    std::string key = std::move(blocked_.begin()->second);
    blocked_.erase(blocked_.begin());
    lanes_.at(key).state = LaneState::ready;
    ready_.push_back(std::move(key));
  }
  if (ready_.empty()) return std::nullopt;
  const std::string key = std::move(ready_.front());
  ready_.pop_front();
  Lane& lane = lanes_.at(key);
  GEMINGA_ASSERT(lane.state == LaneState::ready && !lane.items.empty());
  lane.state = LaneState::running;
  return take_front(lane.items);
}

void MessageQueue::finished(const std::string& key) {
  if (!orderly_) return;
  const auto found = lanes_.find(key);
  if (found == lanes_.end()) return;  // drained meanwhile
  Lane& lane = found->second;
  if (lane.items.empty()) {
    lanes_.erase(found);
    return;
  }
  lane.state = LaneState::ready;
  ready_.push_back(key);
}

void MessageQueue::retry(EngineMessage message, base::MonotonicTime when) {
  GEMINGA_ASSERT(orderly_);
  const std::string key(message.key());
  Lane& lane = lanes_[key];
  lane.items.push_front(Item{.message = std::move(message), .in_queue = false});
  ++size_;
  lane.state = LaneState::blocked;
  blocked_.emplace(when, key);
  park(lane);
}

std::optional<base::MonotonicTime> MessageQueue::next_retry() const {
  return blocked_.empty() ? std::nullopt : std::optional(blocked_.begin()->first);
}

MessageQueue::Room MessageQueue::take_freed() {
  return std::exchange(freed_, Room{});
}

void MessageQueue::clear_plain(std::uint16_t partition) {
  for (Run& run : plain_) {
    std::vector<EngineMessage> kept;
    for (; run.next < run.messages.size(); ++run.next) {
      EngineMessage& message = run.messages[run.next];
      if (PartitionTag::partition(message.tag) != partition) {
        kept.push_back(std::move(message));
        continue;
      }
      free_room(message);
      --size_;
    }
    run = {std::move(kept)};
  }
  std::erase_if(plain_, [](const Run& run) { return run.messages.empty(); });
}

void MessageQueue::clear(std::uint16_t partition) {
  clear_plain(partition);
  const auto forget = [&](Item& item) {
    if (PartitionTag::partition(item.message.tag) != partition) return false;
    leave_queue(item);
    if (item.parked) --parked_;
    --size_;
    return true;
  };
  for (auto& [key, lane] : lanes_) std::erase_if(lane.items, forget);
  std::erase_if(lanes_, [](const auto& lane) {
    return lane.second.items.empty() && lane.second.state != LaneState::running;
  });
  std::erase_if(ready_, [this](const std::string& key) { return !lanes_.contains(key); });
  std::erase_if(blocked_, [this](const auto& each) { return !lanes_.contains(each.second); });
}

std::vector<EngineMessage> MessageQueue::drain() {
  std::vector<EngineMessage> all;
  all.reserve(size_);
  for (Run& run : plain_)
    for (; run.next < run.messages.size(); ++run.next) all.push_back(std::move(run.messages[run.next]));
  for (auto& [key, lane] : lanes_)
    for (Item& item : lane.items) all.push_back(std::move(item.message));
  plain_.clear();
  lanes_.clear();
  ready_.clear();
  blocked_.clear();
  size_ = 0;
  parked_ = 0;
  return all;
}

}  // namespace geminga::bus
