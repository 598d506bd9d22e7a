#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "bus/partitions/merge.hpp"
#include "bus/partitions/parts.hpp"

namespace geminga::bus {

/// Consumes a partitioned topic: a consumer on each partition, one receiver queue for all. Order is kept
/// within a partition, and what acts on order does so there: a cumulative acknowledgement, a withdrawal.
class PartitionedConsumer final : public EngineConsumer {
 public:
  /// Errors: those of the engine for any of the partitions; then none is left behind, and nothing was
  /// delivered.
  static Result<std::shared_ptr<EngineConsumer>> create(std::shared_ptr<PartitionOpener> opener,
                                                        const EngineConsumerOptions& options,
                                                        std::shared_ptr<EngineSink> sink);
  ~PartitionedConsumer() override { parts_->stop_growing(); }

  void taken(std::uint32_t messages, std::uint64_t bytes) override { merge_->taken(messages, bytes); }
  void acknowledge(std::uint64_t tag, Done<void> done) override;
  void acknowledge_up_to(std::uint64_t tag, Done<void> done) override;
  void negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds delay) override;
  Result<> stop() override;
  void give_back(std::vector<std::uint64_t> tags) override;
  Result<> close() override;
  /// To a message: in its partition only. To a time or an end: in all, one after the other.
  Result<> seek(const SeekTarget& target) override;
  Result<> unsubscribe() override;

  /// The consumer of the engine and its own tag behind a delivery.
  [[nodiscard]] std::pair<std::shared_ptr<EngineConsumer>, std::uint64_t> part_of(std::uint64_t tag) const;

 private:
  using Consumers = Parts<EngineConsumer>;
  PartitionedConsumer(std::shared_ptr<PartitionMerge> merge, std::shared_ptr<Consumers> parts)
      : merge_(std::move(merge)), parts_(std::move(parts)) {}

  const std::shared_ptr<PartitionMerge> merge_;
  const std::shared_ptr<Consumers> parts_;
};

}  // namespace geminga::bus
