#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/metrics.hpp"
#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// Numbers and times of tool calls, by server and tool. Names come from messages, so their number is bounded:
/// what the catalogue does not have, and every tool behind the first 200 that are called, counts as "other".
/// Any thread.
class CallMetrics {
 public:
  /// `core` must outlive it.
  explicit CallMetrics(Core& core) : core_(core) {}

  void ended(const std::string& server, const std::string& tool, Outcome outcome,
             std::chrono::duration<double> took);

 private:
  using Name = std::pair<std::string, std::string>;  // server, tool
  struct Instruments {
    std::map<Outcome, base::Counter> ended;
    base::Histogram seconds;
  };
  Instruments& of(const Name& name);

  Core& core_;
  std::mutex mutex_;
  std::map<Name, Instruments> tools_;  // under mutex_
};

}  // namespace geminga::orchestrator
