#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include <geminga/message.hpp>

namespace geminga::bus {

/// Which partition a message goes to. Its key decides, with Pulsar's Murmur3_32Hash; without a key the id
/// that the application gave, so that a resend meets the first copy; without both it is each one's turn. Any
/// thread.
class PartitionRouter {
 public:
  PartitionRouter();
  /// `partitions`: at least 1.
  std::uint32_t pick(const OutgoingMessage& message, std::uint32_t partitions);

 private:
  std::atomic<std::uint64_t> turn_;
};

/// One router for each topic, for messages that no producer sends. Any thread.
class PartitionRouters {
 public:
  std::uint32_t pick(const std::string& topic, const OutgoingMessage& message, std::uint32_t partitions);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, PartitionRouter> routers_;  // under mutex
};

}  // namespace geminga::bus
