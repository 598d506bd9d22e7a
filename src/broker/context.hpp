#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/event_loop.hpp"
#include "broker/broker.hpp"
#include "broker/compaction/compactor.hpp"
#include "broker/delay_index.hpp"
#include "broker/dispatcher.hpp"
#include "broker/memory_budget.hpp"
#include "broker/topic_record.hpp"
#include "storage/directory.hpp"
#include "storage/log.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {

/// One event loop and the topics that live on it. All but `loop` is touched on the loop only, or before it
/// has anything to do.
struct Core {
  explicit Core(std::string name) : loop(std::move(name)) {}
  std::unordered_map<storage::TopicId, TopicPtr> topics;  ///< that are loaded
  UnloadedSums unloaded;
  /// Why nobody may connect to a topic any more: the broker stops, or the disk failed.
  std::optional<Error> ended;
  base::EventLoop loop;
};

/// What all parts of a broker stand on. Handles that users keep hold it alive, so a late call finds stopped
/// loops, never freed ones.
struct Context {
  explicit Context(BrokerOptions given)
      : options(std::move(given)),
        state_budget(options.state_bytes_max, options.state_each_min),
        delay_budget(options.delayed_bytes_max, options.delayed_each_min * sizeof(Held)) {}

  BrokerOptions options;
  std::unique_ptr<storage::DataDirectory> directory;
  std::unique_ptr<storage::MetadataStore> metadata;
  std::unique_ptr<storage::Log> log;
  std::vector<std::unique_ptr<Core>> cores;
  MemoryBudget state_budget;
  MemoryBudget delay_budget;
  std::unique_ptr<Compactor> compactor = std::make_unique<Compactor>(*this);
  std::atomic<std::uint64_t> held_bytes{0};  ///< of all producers, by policies of their topics

  [[nodiscard]] Core& core_of(storage::TopicId topic) const { return *cores[topic.value % cores.size()]; }
  [[nodiscard]] Now now() const {
    return {.wall = options.clock->wall_now(), .monotonic = options.clock->monotonic_now()};
  }
};
using ContextPtr = std::shared_ptr<Context>;

}  // namespace geminga::broker
