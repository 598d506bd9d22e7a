#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/broker.hpp"

namespace geminga::broker {

/// Which topics have partitions, how many, and who wants to hear of a change. Any thread.
class PartitionTable {
 public:
  /// 0: not partitioned.
  [[nodiscard]] std::uint32_t count(const std::string& name) const;
  /// 0: no longer partitioned. Watchers hear of it on this thread, under no lock.
  void set(const std::string& name, std::uint32_t partitions);
  [[nodiscard]] PartitionWatch watch(const std::string& name, PartitionCallback changed);
  /// Those whose names begin with `prefix`.
  [[nodiscard]] std::vector<PartitionedTopic> with_prefix(const std::string& prefix) const;
  /// May a topic of this name be made? Errors: conflict (it is a partitioned one), topic_not_found (it would
  /// be a partition of one that has fewer).
  [[nodiscard]] Result<> check_plain(const std::string& name) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint32_t> counts_;                           // under mutex
  std::multimap<std::string, std::weak_ptr<PartitionCallback>> watches_;  // under mutex
};

}  // namespace geminga::broker
