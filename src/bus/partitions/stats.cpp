#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bus/partitions/admin.hpp"

namespace geminga::bus {
namespace {

/// The one of that name, made where it is missing.
template <class Named>
Named& named(std::vector<Named>& all, const Named& like) {
  const auto found = std::ranges::find(all, like.name, &Named::name);
  if (found != all.end()) return *found;
  all.push_back(Named{.name = like.name});
  return all.back();
}

void add(ConsumerStats& to, const ConsumerStats& part, bool first) {
  to.priority = part.priority;
  to.active = (!first && to.active) || part.active;
  to.permits += part.permits;
  to.unacked += part.unacked;
  to.blocked = to.blocked || part.blocked;
  to.messages_out += part.messages_out;
  to.bytes_out += part.bytes_out;
  to.redelivered += part.redelivered;
  to.hash_ranges = part.hash_ranges;
}

void add(SubscriptionStats& to, const SubscriptionStats& part, std::size_t partition) {
  to.type = part.type;
  to.properties = part.properties;
  to.durable = part.durable;
  to.backlog += part.backlog;
  to.unacked += part.unacked;
  to.delayed += part.delayed;
  to.messages_out += part.messages_out;
  to.bytes_out += part.bytes_out;
  to.redelivered += part.redelivered;
  for (const ConsumerStats& consumer : part.connected) {
    const std::size_t before = to.connected.size();
    ConsumerStats& sum = named(to.connected, consumer);
    add(sum, consumer, to.connected.size() > before);
  }
  to.consumers = static_cast<std::uint32_t>(to.connected.size());
  if (to.dispatch_paused.empty() && !part.dispatch_paused.empty())
    to.dispatch_paused = fmt::format("partition {}: {}", partition, part.dispatch_paused);
}

/// What is under way on any of them is under way; the slowest says how far.
void add(CompactionStats& to, const CompactionStats& part, std::size_t partition) {
  const auto weight = [](CompactionState state) {
    switch (state) {
      case CompactionState::running:
        return 3;
      case CompactionState::waiting:
        return 2;
      case CompactionState::failed:
        return 1;
      case CompactionState::idle:
        return 0;
    }
    return 0;
  };
  to.messages += part.messages;
  to.bytes += part.bytes;
  if (part.state == CompactionState::running)
    to.percent = to.state == CompactionState::running ? std::min(to.percent, part.percent) : part.percent;
  if (weight(part.state) > weight(to.state)) to.state = part.state;
  if (to.failure.empty() && !part.failure.empty())
    to.failure = fmt::format("partition {}: {}", partition, part.failure);
}

}  // namespace

TopicStats sum_of_partitions(std::string topic, std::vector<TopicStats> partitions) {
  TopicStats sum;
  sum.topic = std::move(topic);
  sum.partitions = static_cast<std::uint32_t>(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const TopicStats& part = partitions[i];
    sum.messages_in += part.messages_in;
    sum.bytes_in += part.bytes_in;
    sum.messages_out += part.messages_out;
    sum.bytes_out += part.bytes_out;
    sum.stored_messages += part.stored_messages;
    sum.stored_bytes += part.stored_bytes;
    sum.producers = std::max(sum.producers, part.producers);
    sum.terminated = (i == 0 || sum.terminated) && part.terminated;
    sum.durability = std::max(sum.durability, part.durability);
    if (sum.publish_paused.empty() && !part.publish_paused.empty())
      sum.publish_paused = fmt::format("partition {}: {}", i, part.publish_paused);
    add(sum.compaction, part.compaction, i);
    for (const SubscriptionStats& each : part.subscriptions) add(named(sum.subscriptions, each), each, i);
  }
  sum.per_partition = std::move(partitions);
  return sum;
}

}  // namespace geminga::bus
