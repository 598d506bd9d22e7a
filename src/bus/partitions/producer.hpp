#pragma once

#include <memory>
#include <string>

#include "bus/partitions/parts.hpp"
#include "bus/partitions/router.hpp"

namespace geminga::bus {

/// Publishes to a partitioned topic: a producer on each partition, all of one name.
class PartitionedProducer final : public EngineProducer {
 public:
  /// Errors: those of the engine for any of the partitions; then none is left behind.
  static Result<std::unique_ptr<EngineProducer>> create(std::shared_ptr<PartitionOpener> opener,
                                                        const ProducerOptions& options,
                                                        std::shared_ptr<EngineSendSink> sink);
  ~PartitionedProducer() override { parts_->stop_growing(); }

  /// All partitions answer to the one sink; a tag is the bus's and needs no partition.
  void send(std::uint64_t tag, OutgoingMessage message) override;
  void flush() override;
  [[nodiscard]] const std::string& name() const override { return name_; }
  /// The highest of all partitions.
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const override;
  Result<> close() override;

 private:
  using Producers = Parts<EngineProducer>;
  explicit PartitionedProducer(std::shared_ptr<Producers> parts)
      : parts_(std::move(parts)), name_(parts_->at(0)->name()) {}

  const std::shared_ptr<Producers> parts_;
  const std::string name_;
  PartitionRouter router_;
};

}  // namespace geminga::bus
