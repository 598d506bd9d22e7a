#include "bus/partitions/admin.hpp"

#include <utility>

#include <fmt/format.h>

namespace geminga::bus {

Result<> refuse_partitioned(EngineAdmin& engine, const std::string& topic, const char* what) {
  GEMINGA_TRY(const std::uint32_t partitions, engine.partitions(topic));
  if (partitions == 0) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} has {} partitions, and to {} needs the order of one; do it on {} and so on",
                          topic, partitions, what, base::partition_name(topic, 0)));
}

Result<std::string> partition_with(EngineAdmin& engine, const std::string& topic, const MessageId& id) {
  GEMINGA_TRY(const std::uint32_t partitions, engine.partitions(topic));
  if (partitions == 0) return topic;
  if (id.partition >= 0 && static_cast<std::uint32_t>(id.partition) < partitions)
    return base::partition_name(topic, static_cast<std::uint32_t>(id.partition));
  return fail(ErrorCode::invalid_argument,
              fmt::format("the message id {} names none of the {} partitions of {}; give an id as it came",
                          id.to_string(), partitions, topic));
}

Result<TopicStats> stats_of(EngineAdmin& engine, const std::string& topic) {
  GEMINGA_TRY(const std::uint32_t partitions, engine.partitions(topic));
  if (partitions == 0) return engine.stats(topic);
  std::vector<TopicStats> parts;
  for (std::uint32_t i = 0; i < partitions; ++i) {
    GEMINGA_TRY(auto part, engine.stats(base::partition_name(topic, i)));
    parts.push_back(std::move(part));
  }
  return sum_of_partitions(topic, std::move(parts));
}

Result<std::vector<Message>> browse(EngineAdmin& engine, const std::string& topic,
                                    std::optional<MessageId> after, std::uint32_t limit) {
  GEMINGA_TRY(const std::uint32_t partitions, engine.partitions(topic));
  if (partitions == 0) return engine.browse(topic, after, limit);
  if (after) GEMINGA_TRY_VOID(partition_with(engine, topic, *after));
  for (std::uint32_t i = after ? static_cast<std::uint32_t>(after->partition) : 0; i < partitions; ++i) {
    GEMINGA_TRY(auto page, engine.browse(base::partition_name(topic, i), after, limit));
    // One that is short may have ended by its bytes: the next call goes on behind it.
    if (!page.empty()) return page;
    after.reset();
  }
  return std::vector<Message>{};
}

}  // namespace geminga::bus
