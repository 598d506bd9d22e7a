#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "bus/engine.hpp"
#include "bus/partitions/queue_shares.hpp"

namespace geminga::bus {

/// From the sinks of the partitions into the one of the handle, one call at a time. Knows no engine, so that
/// the engine may own it. Any thread.
class PartitionMerge : public std::enable_shared_from_this<PartitionMerge> {
 public:
  /// More room for a partition; called under no lock, on any thread.
  using MakeRoom = std::function<void(const QueueShares::Grant&)>;

  PartitionMerge(std::shared_ptr<EngineSink> sink, ReceiverQueue queue)
      : sink_(std::move(sink)), shares_(queue) {}
  /// Before the first partition is opened.
  void on_room(MakeRoom make_room) { make_room_ = std::move(make_room); }

  [[nodiscard]] std::shared_ptr<EngineSink> sink_of(std::uint32_t partition);
  /// There are so many now; the new ones get their room.
  void joined(std::uint32_t partitions);
  void taken(std::uint32_t messages, std::uint64_t bytes);
  /// The last message that came of a partition.
  [[nodiscard]] std::optional<MessageId> last_of(std::uint32_t partition) const;

 private:
  class Sink;
  void deliver(std::uint32_t partition, std::vector<EngineMessage> messages);
  void withdrawn(std::uint32_t partition);
  void ended(std::uint32_t partition);
  void tell_end();
  void closed(std::uint32_t partition, const Error& reason);
  void make_room(const QueueShares::Grants& grants);

  const std::shared_ptr<EngineSink> sink_;
  MakeRoom make_room_;  // constant after on_room()
  mutable std::mutex sink_mutex_;
  std::vector<std::optional<MessageId>> last_;  // under sink_mutex_
  std::set<std::uint32_t> ended_;               // the same; terminated, and nothing is left of them
  std::uint32_t open_ = 0;                      // the same; partitions
  bool closed_ = false;                         // the same
  std::mutex shares_mutex_;
  QueueShares shares_;  // under shares_mutex_
};

}  // namespace geminga::bus
