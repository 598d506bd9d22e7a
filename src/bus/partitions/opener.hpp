#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bus/engine.hpp"
#include "bus/partitions/growth_loop.hpp"

namespace geminga::bus {

/// What an engine gives to the handles of a partitioned topic: handles of single partitions (whose names are
/// base::partition_name()), their number, and word of a change. Shared by those handles, which it does not
/// know.
class PartitionOpener {
 public:
  virtual ~PartitionOpener() = default;
  /// 0: there is no such partitioned topic, or not any more.
  virtual Result<std::uint32_t> partitions(const std::string& topic) = 0;
  /// `changed` on any thread of the engine, until the watch is freed; it is short.
  virtual std::shared_ptr<void> watch(const std::string& topic, std::function<void()> changed) = 0;

  virtual Result<std::unique_ptr<EngineProducer>> open_producer(const ProducerOptions& options,
                                                                std::shared_ptr<EngineSendSink> sink) = 0;
  /// With a queue of 0 nothing comes before EngineConsumer::taken() makes room; the same for a reader.
  virtual Result<std::shared_ptr<EngineConsumer>> open_consumer(const EngineConsumerOptions& options,
                                                                std::shared_ptr<EngineSink> sink) = 0;
  virtual Result<std::unique_ptr<EngineReader>> open_reader(const EngineReaderOptions& options,
                                                            std::shared_ptr<EngineSink> sink) = 0;

  [[nodiscard]] GrowthLoop& growth() { return growth_; }

 private:
  GrowthLoop growth_;
};

}  // namespace geminga::bus
