#pragma once

#include <memory>

#include "bus/partitions/merge.hpp"
#include "bus/partitions/parts.hpp"

namespace geminga::bus {

/// Reads all partitions of a topic, each in its order, merged as they come.
class PartitionedReader final : public EngineReader {
 public:
  /// Errors: invalid_argument (to start at one message says nothing of the other partitions), those of the
  /// engine.
  static Result<std::unique_ptr<EngineReader>> create(std::shared_ptr<PartitionOpener> opener,
                                                      const EngineReaderOptions& options,
                                                      std::shared_ptr<EngineSink> sink);
  ~PartitionedReader() override { parts_->stop_growing(); }

  void taken(std::uint32_t messages, std::uint64_t bytes) override { merge_->taken(messages, bytes); }
  Result<bool> has_more(std::optional<MessageId> last_taken) override;
  Result<> close() override;

 private:
  using Readers = Parts<EngineReader>;
  PartitionedReader(std::shared_ptr<PartitionMerge> merge, std::shared_ptr<Readers> parts)
      : merge_(std::move(merge)), parts_(std::move(parts)) {}

  const std::shared_ptr<PartitionMerge> merge_;
  const std::shared_ptr<Readers> parts_;
};

}  // namespace geminga::bus
