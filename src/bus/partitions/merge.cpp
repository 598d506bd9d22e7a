#include "bus/partitions/merge.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace geminga::bus {

class PartitionMerge::Sink final : public EngineSink {
 public:
  Sink(std::shared_ptr<PartitionMerge> merge, std::uint32_t partition)
      : merge_(std::move(merge)), partition_(partition) {}
  void on_messages(std::vector<EngineMessage> messages) override {
    merge_->deliver(partition_, std::move(messages));
  }
  void on_withdrawn(std::uint16_t /*partition*/) override { merge_->withdrawn(partition_); }
  void on_end_of_topic() override { merge_->ended(partition_); }
  void on_closed(Error reason) override { merge_->closed(partition_, reason); }

 private:
  const std::shared_ptr<PartitionMerge> merge_;
  const std::uint32_t partition_;
};

std::shared_ptr<EngineSink> PartitionMerge::sink_of(std::uint32_t partition) {
  return std::make_shared<Sink>(shared_from_this(), partition);
}

void PartitionMerge::deliver(std::uint32_t partition, std::vector<EngineMessage> messages) {
  const auto count = static_cast<std::uint32_t>(messages.size());
  std::uint64_t bytes = 0;
  for (EngineMessage& each : messages) {
    each.tag = PartitionTag::make(partition, each.tag);
    bytes += each.bytes;
  }
  // Counted first: when they are in the queue they may be taken out of it at once.
  QueueShares::Grants grants;
  {
    const std::lock_guard lock(shares_mutex_);
    grants = shares_.arrived(partition, count, bytes);
  }
  {
    const std::lock_guard lock(sink_mutex_);
    if (last_.size() <= partition) last_.resize(partition + 1);
    last_[partition] = messages.back().message.id;
    sink_->on_messages(std::move(messages));
  }
  make_room(grants);
}

void PartitionMerge::withdrawn(std::uint32_t partition) {
  const std::lock_guard lock(sink_mutex_);
  ended_.erase(partition);
  sink_->on_withdrawn(static_cast<std::uint16_t>(partition));
}

void PartitionMerge::ended(std::uint32_t partition) {
  const std::lock_guard lock(sink_mutex_);
  ended_.insert(partition);
  tell_end();
}

/// The whole has ended when all of its partitions have.
void PartitionMerge::tell_end() {
  if (open_ > 0 && ended_.size() == open_) sink_->on_end_of_topic();
}

/// One partition that gives nothing any more is the end: whoever reads on would not see what is missing.
void PartitionMerge::closed(std::uint32_t partition, const Error& reason) {
  const std::lock_guard lock(sink_mutex_);
  if (std::exchange(closed_, true)) return;
  sink_->on_closed(reason.with(fmt::format("partition {}", partition)));
}

void PartitionMerge::joined(std::uint32_t partitions) {
  QueueShares::Grants grants;
  {
    const std::lock_guard lock(shares_mutex_);
    grants = shares_.grow(partitions);
  }
  {
    const std::lock_guard lock(sink_mutex_);
    open_ = partitions;
    tell_end();
  }
  make_room(grants);
}

void PartitionMerge::taken(std::uint32_t messages, std::uint64_t bytes) {
  QueueShares::Grants grants;
  {
    const std::lock_guard lock(shares_mutex_);
    grants = shares_.taken(messages, bytes);
  }
  make_room(grants);
}

std::optional<MessageId> PartitionMerge::last_of(std::uint32_t partition) const {
  const std::lock_guard lock(sink_mutex_);
  return partition < last_.size() ? last_[partition] : std::nullopt;
}

void PartitionMerge::make_room(const QueueShares::Grants& grants) {
  for (const QueueShares::Grant& grant : grants) make_room_(grant);
}

}  // namespace geminga::bus
