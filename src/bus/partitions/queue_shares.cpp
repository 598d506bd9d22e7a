#include "bus/partitions/queue_shares.hpp"

#include <algorithm>

namespace geminga::bus {

QueueShares::Room QueueShares::fair() const {
  const auto number = static_cast<std::int64_t>(partitions_.size());
  const Room all = of(total_);
  return {.messages = std::max<std::int64_t>(1, all.messages / number),
          .bytes = std::max<std::int64_t>(1, all.bytes / number)};
}

bool QueueShares::low(const Partition& partition) const {
  const Room share = fair();
  return partition.granted.messages <= share.messages / 4 || partition.granted.bytes <= share.bytes / 4;
}

QueueShares::Grants QueueShares::grow(std::uint32_t partitions) {
  Grants grants;
  auto next = static_cast<std::uint32_t>(partitions_.size());
  partitions_.resize(partitions);
  const Room share = fair();
  // Half of it: the other half of all is what the hot ones may have.
  const Room start{.messages = std::max<std::int64_t>(1, share.messages / 2),
                   .bytes = std::max<std::int64_t>(1, share.bytes / 2)};
  for (; next < partitions; ++next) {
    partitions_[next].granted = start;
    pool_.messages -= start.messages;
    pool_.bytes -= start.bytes;
    grants.push_back({.partition = next,
                      .messages = static_cast<std::uint32_t>(start.messages),
                      .bytes = static_cast<std::uint64_t>(start.bytes)});
  }
  return grants;
}

QueueShares::Grants QueueShares::arrived(std::uint32_t partition, std::uint32_t messages,
                                         std::uint64_t bytes) {
  Partition& from = partitions_[partition];
  from.granted.messages -= messages;
  from.granted.bytes -= static_cast<std::int64_t>(bytes);
  in_queue_ += messages;
  if (!from.waits && low(from)) {
    from.waits = true;
    waiting_.push_back(partition);
  }
  return deal();
}

QueueShares::Grants QueueShares::taken(std::uint32_t messages, std::uint64_t bytes) {
  in_queue_ -= messages;
  pool_.messages += messages;
  pool_.bytes += static_cast<std::int64_t>(bytes);
  return deal();
}

QueueShares::Grants QueueShares::deal() {
  Grants grants;
  const Room share = fair();
  while (!waiting_.empty()) {
    const bool empty = in_queue_ == 0;
    if (!empty && (pool_.messages <= 0 || pool_.bytes <= 0)) break;
    const std::uint32_t number = waiting_.front();
    waiting_.pop_front();
    Partition& to = partitions_[number];
    Room room{.messages = std::max<std::int64_t>(0, share.messages - to.granted.messages),
              .bytes = std::max<std::int64_t>(0, share.bytes - to.granted.bytes)};
    if (!empty) {
      room.messages = std::min(room.messages, pool_.messages);
      room.bytes = std::min(room.bytes, pool_.bytes);
    }
    pool_.messages -= room.messages;
    pool_.bytes -= room.bytes;
    to.granted.messages += room.messages;
    to.granted.bytes += room.bytes;
    grants.push_back({.partition = number,
                      .messages = static_cast<std::uint32_t>(room.messages),
                      .bytes = static_cast<std::uint64_t>(room.bytes)});
    to.waits = low(to);
    if (to.waits) waiting_.push_back(number);
  }
  return grants;
}

}  // namespace geminga::bus
