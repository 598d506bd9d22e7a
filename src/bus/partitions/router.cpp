#include "bus/partitions/router.hpp"

#include "base/murmur3.hpp"

namespace geminga::bus {
namespace {

/// Not all begin with partition 0: many producers of one message each would fill that one alone.
std::uint64_t first_turn() {
  static std::atomic<std::uint64_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

PartitionRouter::PartitionRouter() : turn_(first_turn()) {}

std::uint32_t PartitionRouter::pick(const OutgoingMessage& message, std::uint32_t partitions) {
  if (!message.key.empty()) return base::murmur3_31(message.key) % partitions;
  const std::uint64_t number = message.sequence_id ? *message.sequence_id : turn_.fetch_add(1);
  return static_cast<std::uint32_t>(number % partitions);
}

std::uint32_t PartitionRouters::pick(const std::string& topic, const OutgoingMessage& message,
                                     std::uint32_t partitions) {
  const std::lock_guard lock(mutex_);
  return routers_[topic].pick(message, partitions);
}

}  // namespace geminga::bus
