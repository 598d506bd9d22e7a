#include "bus/partitions/producer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/partition_name.hpp"

namespace geminga::bus {
namespace {

/// Opens one partition after the other; the first one's name, which may be made up, is that of all.
class OpenProducer {
 public:
  OpenProducer(std::shared_ptr<PartitionOpener> opener, const ProducerOptions& options,
               std::shared_ptr<EngineSendSink> sink)
      : opener_(std::move(opener)),
        sink_(std::move(sink)),
        options_(options),
        topic_(options.topic),
        deadline_(std::chrono::steady_clock::now() + options.access_timeout) {}

  Result<std::shared_ptr<EngineProducer>> operator()(std::uint32_t partition, bool grown) {
    options_.topic = base::partition_name(topic_, partition);
    // The wait is for all of them; one that comes later has what is left of nothing.
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (!grown) options_.access_timeout = std::max(left, std::chrono::milliseconds{1});
    GEMINGA_TRY(auto producer, opener_->open_producer(options_, sink_));
    if (partition == 0) options_.name = producer->name();
    return std::shared_ptr<EngineProducer>(std::move(producer));
  }

 private:
  std::shared_ptr<PartitionOpener> opener_;
  std::shared_ptr<EngineSendSink> sink_;
  ProducerOptions options_;
  std::string topic_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace

Result<std::unique_ptr<EngineProducer>> PartitionedProducer::create(std::shared_ptr<PartitionOpener> opener,
                                                                    const ProducerOptions& options,
                                                                    std::shared_ptr<EngineSendSink> sink) {
  auto parts = std::make_shared<Producers>(
      opener, options.topic, OpenProducer(opener, options, std::move(sink)), Producers::Joined());
  GEMINGA_TRY_VOID(parts->start());
  return std::unique_ptr<EngineProducer>(new PartitionedProducer(std::move(parts)));
}

void PartitionedProducer::send(std::uint64_t tag, OutgoingMessage message) {
  const auto part =
      parts_->choose([&](std::uint32_t partitions) { return router_.pick(message, partitions); });
  part->send(tag, std::move(message));
}

void PartitionedProducer::flush() {
  for (const auto& part : parts_->all()) part->flush();
}

std::optional<std::uint64_t> PartitionedProducer::last_sequence_id() const {
  std::optional<std::uint64_t> highest;
  for (const auto& part : parts_->all()) highest = std::max(highest, part->last_sequence_id());
  return highest;
}

Result<> PartitionedProducer::close() {
  parts_->stop_growing();
  return parts_->each([](EngineProducer& part) { return part.close(); });
}

}  // namespace geminga::bus
