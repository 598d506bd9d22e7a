#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/partition_name.hpp"
#include "base/try.hpp"
#include "bus/engine.hpp"

/// Admin's calls for a topic that may be partitioned.
namespace geminga::bus {

/// Calls with the topic or, of a partitioned one, with its partitions from 0 on: the first one that refuses
/// ends it, and the same call again goes on. So what was `done_before` on some is no error, on all it is.
template <class Call>
Result<> each_partition(EngineAdmin& engine, const std::string& topic, Call call,
                        std::optional<ErrorCode> done_before) {
  GEMINGA_TRY(std::uint32_t partitions, engine.partitions(topic));
  if (partitions == 0) return call(topic);
  std::optional<Error> before;
  bool changed = false;
  for (std::uint32_t i = 0; i < partitions; ++i) {
    auto done = call(base::partition_name(topic, i));
    if (!done && done.error().code != done_before) return done;
    if (done)
      changed = true;
    else
      before = std::move(done).error();
    GEMINGA_TRY(partitions, engine.partitions(topic));  // it may have grown meanwhile
  }
  if (before && !changed) return std::unexpected(*before);
  return {};
}

/// Errors: invalid_argument where it is partitioned.
Result<> refuse_partitioned(EngineAdmin& engine, const std::string& topic, const char* what);
/// The topic, or its partition where this message is. Errors: invalid_argument (the id names none).
Result<std::string> partition_with(EngineAdmin& engine, const std::string& topic, const MessageId& id);
Result<TopicStats> stats_of(EngineAdmin& engine, const std::string& topic);
/// Of a partitioned topic: from the first partition that has something behind `after`.
Result<std::vector<Message>> browse(EngineAdmin& engine, const std::string& topic,
                                    std::optional<MessageId> after, std::uint32_t limit);
/// What the partitions of a topic come to together, with the numbers of each beside it. A consumer or
/// producer that is connected to several of them counts once.
TopicStats sum_of_partitions(std::string topic, std::vector<TopicStats> partitions);

}  // namespace geminga::bus
