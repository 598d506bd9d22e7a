#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "bus/engine.hpp"

namespace geminga::bus {

/// What a consumer holds between engine and application. Plain: first in, first out. Orderly: per key (all
/// messages without a key count as one), one at a time; a message to be retried blocks its key, not the
/// others. No thread, no lock, no clock of its own.
///
/// Messages behind a blocked key are "parked": they leave the receiver queue's count, so that other keys go
/// on, up to `parked_max` of them; from there on the whole consumer waits.
class MessageQueue {
 public:
  MessageQueue(bool orderly, std::size_t parked_max) : orderly_(orderly), parked_max_(parked_max) {}

  struct Room {
    std::uint32_t messages = 0;
    std::uint64_t bytes = 0;
  };

  /// Plain: costs as much for many as for one.
  void push(std::vector<EngineMessage> messages);
  /// The next one to work on; nullopt: nothing now (see next_retry).
  std::optional<EngineMessage> take(base::MonotonicTime now);
  /// Orderly: the one that was taken of this key is settled.
  void finished(const std::string& key);
  /// Orderly: instead of finished(): the same message again, before anything else of its key, not before
  /// `when`.
  void retry(EngineMessage message, base::MonotonicTime when);
  /// When a blocked key may go on; nullopt: none is blocked.
  [[nodiscard]] std::optional<base::MonotonicTime> next_retry() const;
  /// Room in the receiver queue that became free since the last take_freed().
  [[nodiscard]] const Room& freed() const { return freed_; }
  Room take_freed();
  /// Forgets everything of this partition (see PartitionTag) that was not taken. A key that runs goes on
  /// running.
  void clear(std::uint16_t partition);
  /// Everything that was not taken.
  std::vector<EngineMessage> drain();
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  struct Item {
    EngineMessage message;
    bool in_queue = true;  ///< counts against the receiver queue
    bool parked = false;
  };
  enum class LaneState : std::uint8_t { idle, ready, running, blocked };
  struct Lane {
    std::deque<Item> items;
    LaneState state = LaneState::idle;
  };
  /// Messages as they came in; those before `next` are taken. Never without one that is not.
  struct Run {
    std::vector<EngineMessage> messages;
    std::size_t next = 0;
  };
  void push_in_lane(EngineMessage message);
  EngineMessage take_plain();
  EngineMessage take_front(std::deque<Item>& items);
  void free_room(const EngineMessage& message);
  void leave_queue(Item& item);
  void park(Lane& lane);
  void clear_plain(std::uint16_t partition);

  const bool orderly_;
  const std::size_t parked_max_;
  std::size_t size_ = 0;
  std::size_t parked_ = 0;
  Room freed_;
  std::deque<Run> plain_;
  std::unordered_map<std::string, Lane> lanes_;
  std::deque<std::string> ready_;
  std::multimap<base::MonotonicTime, std::string> blocked_;
};

}  // namespace geminga::bus
