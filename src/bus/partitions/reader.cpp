#include "bus/partitions/reader.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/partition_name.hpp"

namespace geminga::bus {

Result<std::unique_ptr<EngineReader>> PartitionedReader::create(std::shared_ptr<PartitionOpener> opener,
                                                                const EngineReaderOptions& options,
                                                                std::shared_ptr<EngineSink> sink) {
  if (const auto* id = std::get_if<MessageId>(&options.start))
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} has partitions, of which the message {} is in one; read from the earliest or "
                            "the latest, or read {} alone",
                            options.topic, id->to_string(),
                            base::partition_name(options.topic,
                                                 static_cast<std::uint32_t>(std::max(0, id->partition)))));
  auto merge = std::make_shared<PartitionMerge>(std::move(sink), options.queue);
  EngineReaderOptions of_part = options;
  of_part.queue = {.messages = 0, .bytes = 0};
  auto open = [opener, merge, of_part](std::uint32_t partition,
                                       bool grown) -> Result<std::shared_ptr<EngineReader>> {
    auto with = of_part;
    with.topic = base::partition_name(of_part.topic, partition);
    if (grown) with.start = InitialPosition::earliest;
    GEMINGA_TRY(auto reader, opener->open_reader(with, merge->sink_of(partition)));
    return std::shared_ptr<EngineReader>(std::move(reader));
  };
  auto parts = std::make_shared<Readers>(opener, options.topic, std::move(open),
                                         [merge](std::uint32_t partitions) { merge->joined(partitions); });
  merge->on_room(room_in(parts));
  GEMINGA_TRY_VOID(parts->start());
  return std::unique_ptr<EngineReader>(new PartitionedReader(std::move(merge), std::move(parts)));
}

/// What has come is in the reader's queue, where the caller looks first; here it is asked for what has not.
Result<bool> PartitionedReader::has_more(std::optional<MessageId> /*last_taken*/) {
  GEMINGA_TRY_VOID(parts_->catch_up());
  const auto all = parts_->all();
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    GEMINGA_TRY(const bool more, all[i]->has_more(merge_->last_of(i)));
    if (more) return true;
  }
  return false;
}

Result<> PartitionedReader::close() {
  parts_->stop_growing();
  return parts_->each([](EngineReader& part) { return part.close(); });
}

}  // namespace geminga::bus
