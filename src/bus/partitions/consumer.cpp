#include "bus/partitions/consumer.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/partition_name.hpp"
#include "base/uuid.hpp"

namespace geminga::bus {

Result<std::shared_ptr<EngineConsumer>> PartitionedConsumer::create(std::shared_ptr<PartitionOpener> opener,
                                                                    const EngineConsumerOptions& options,
                                                                    std::shared_ptr<EngineSink> sink) {
  auto merge = std::make_shared<PartitionMerge>(std::move(sink), options.queue);
  EngineConsumerOptions of_part = options;
  of_part.queue = {.messages = 0, .bytes = 0};
  // One name on all partitions, so that these are spread evenly where only one consumer of each is active.
  if (of_part.name.empty()) of_part.name = "consumer-" + base::random_uuid();
  auto open = [opener, merge, of_part](std::uint32_t partition, bool grown) {
    auto with = of_part;
    with.topic = base::partition_name(of_part.topic, partition);
    // What was published there before this consumer heard of it is part of what it subscribed to.
    if (grown) with.initial_position = InitialPosition::earliest;
    return opener->open_consumer(with, merge->sink_of(partition));
  };
  auto parts = std::make_shared<Consumers>(opener, options.topic, std::move(open),
                                           [merge](std::uint32_t partitions) { merge->joined(partitions); });
  merge->on_room(room_in(parts));
  GEMINGA_TRY_VOID(parts->start());
  return std::shared_ptr<EngineConsumer>(new PartitionedConsumer(std::move(merge), std::move(parts)));
}

std::pair<std::shared_ptr<EngineConsumer>, std::uint64_t> PartitionedConsumer::part_of(
    std::uint64_t tag) const {
  return {parts_->at(PartitionTag::partition(tag)), PartitionTag::own(tag)};
}

void PartitionedConsumer::acknowledge(std::uint64_t tag, Done<void> done) {
  const auto [part, own] = part_of(tag);
  part->acknowledge(own, std::move(done));
}

void PartitionedConsumer::acknowledge_up_to(std::uint64_t tag, Done<void> done) {
  const auto [part, own] = part_of(tag);
  part->acknowledge_up_to(own, std::move(done));
}

void PartitionedConsumer::negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds delay) {
  const auto [part, own] = part_of(tag);
  part->negative_acknowledge(own, delay);
}

Result<> PartitionedConsumer::stop() {
  parts_->stop_growing();
  return parts_->each([](EngineConsumer& part) { return part.stop(); });
}

void PartitionedConsumer::give_back(std::vector<std::uint64_t> tags) {
  std::map<std::uint16_t, std::vector<std::uint64_t>> by_partition;
  for (const std::uint64_t tag : tags)
    by_partition[PartitionTag::partition(tag)].push_back(PartitionTag::own(tag));
  for (auto& [partition, own] : by_partition) parts_->at(partition)->give_back(std::move(own));
}

Result<> PartitionedConsumer::close() {
  parts_->stop_growing();
  return parts_->each([](EngineConsumer& part) { return part.close(); });
}

Result<> PartitionedConsumer::seek(const SeekTarget& target) {
  GEMINGA_TRY_VOID(parts_->catch_up());
  const auto* id = std::get_if<MessageId>(&target);
  if (id == nullptr) return parts_->each([&](EngineConsumer& part) { return part.seek(target); });
  const auto part = id->partition < 0 ? nullptr : parts_->at(static_cast<std::uint64_t>(id->partition));
  if (!part)
    return fail(ErrorCode::invalid_argument,
                fmt::format("the message id {} names none of the {} partitions; seek to a time or an end, or "
                            "to an id as it came",
                            id->to_string(), parts_->size()));
  return part->seek(target);
}

Result<> PartitionedConsumer::unsubscribe() {
  // The first one decides: where others are connected there, they are on the rest too. Behind it no growth
  // adds the subscription to new partitions any more; what was added before is caught up with.
  GEMINGA_TRY_VOID(parts_->at(0)->unsubscribe());
  GEMINGA_TRY_VOID(parts_->catch_up());
  parts_->stop_growing();
  Result<> first;
  const auto all = parts_->all();
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (auto done = all[i]->unsubscribe(); !done && first) first = std::move(done);
  }
  return first;
}

}  // namespace geminga::bus
