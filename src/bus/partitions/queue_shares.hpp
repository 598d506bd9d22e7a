#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "bus/engine.hpp"

namespace geminga::bus {

/// Deals the room of one receiver queue to the partitions that fill it. Each one always has some, so that
/// none waits for another; the rest goes to those that use theirs up, the hot ones, in turn. No thread, no
/// lock.
///
/// Room is in one of three places: granted to a partition, taken by messages in the queue, or in the pool.
/// When the queue is empty who has no room gets some even from an empty pool: after a growth, or with more
/// partitions than places, the queue may so come to hold more than it should, never stand still.
class QueueShares {
 public:
  explicit QueueShares(ReceiverQueue total) : total_(total), pool_(of(total)) {}

  struct Grant {
    std::uint32_t partition = 0;
    std::uint32_t messages = 0;
    std::uint64_t bytes = 0;
  };
  using Grants = std::vector<Grant>;

  /// There are so many now.
  Grants grow(std::uint32_t partitions);
  /// So much came from a partition into the queue.
  Grants arrived(std::uint32_t partition, std::uint32_t messages, std::uint64_t bytes);
  /// So much was taken out of it.
  Grants taken(std::uint32_t messages, std::uint64_t bytes);

 private:
  struct Room {
    std::int64_t messages = 0;
    std::int64_t bytes = 0;
  };
  struct Partition {
    Room granted;  ///< and not used; an entry may be larger than what was left
    bool waits = false;
  };
  static Room of(const ReceiverQueue& queue) {
    return {.messages = queue.messages, .bytes = static_cast<std::int64_t>(queue.bytes)};
  }
  [[nodiscard]] Room fair() const;
  [[nodiscard]] bool low(const Partition& partition) const;
  Grants deal();

  const ReceiverQueue total_;
  Room pool_;
  std::int64_t in_queue_ = 0;  ///< messages
  std::vector<Partition> partitions_;
  std::deque<std::uint32_t> waiting_;  ///< those that are low, in the order in which they became so
};

}  // namespace geminga::bus
