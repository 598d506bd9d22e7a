#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "bus/partitions/opener.hpp"
#include "engines/embedded/handles.hpp"

namespace geminga::engines::embedded {

/// Opens handles of one topic each; that is all of a plain topic, and a part of a partitioned one.
class Opener final : public bus::PartitionOpener {
 public:
  explicit Opener(BrokerPtr broker) : broker_(std::move(broker)) {}

  Result<std::uint32_t> partitions(const std::string& topic) override { return broker_->partitions(topic); }
  std::shared_ptr<void> watch(const std::string& topic, std::function<void()> changed) override;
  Result<std::unique_ptr<bus::EngineProducer>> open_producer(
      const ProducerOptions& options, std::shared_ptr<bus::EngineSendSink> sink) override;
  Result<std::shared_ptr<bus::EngineConsumer>> open_consumer(const bus::EngineConsumerOptions& options,
                                                             std::shared_ptr<bus::EngineSink> sink) override;
  Result<std::unique_ptr<bus::EngineReader>> open_reader(const bus::EngineReaderOptions& options,
                                                         std::shared_ptr<bus::EngineSink> sink) override;

 private:
  /// `use` with the topic, which is made where it is missing; once more when it was deleted in between.
  template <class Use>
  auto with_topic(const std::string& name, Use use) -> std::invoke_result_t<Use, const broker::TopicPtr&>;
  const BrokerPtr broker_;
};

}  // namespace geminga::engines::embedded
