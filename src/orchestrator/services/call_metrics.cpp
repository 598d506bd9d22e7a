#include "orchestrator/services/call_metrics.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::size_t kToolsMax = 200;
constexpr const char* kOther = "other";

base::Labels labels_of(const std::pair<std::string, std::string>& tool) {
  return {{"server", tool.first}, {"tool", tool.second}};
}

}  // namespace

void CallMetrics::ended(const std::string& server, const std::string& tool, Outcome outcome,
                        std::chrono::duration<double> took) {
  Name name{server, tool};
  const std::lock_guard lock(mutex_);
  if (!tools_.contains(name)) {
    const bool known = core_.registry.catalogue()->find(server, tool) != nullptr;
    if (!known || tools_.size() >= kToolsMax) name = {kOther, kOther};
  }
  auto& instruments = of(name);
  auto counter = instruments.ended.find(outcome);
  if (counter == instruments.ended.end()) {
    auto labels = labels_of(name);
    labels["outcome"] = to_string(outcome);
    counter =
        instruments.ended
            .emplace(outcome, core_.metrics.counter("geminga_orchestrator_calls_total",
                                                    "Tool calls by server, tool and how they ended", labels))
            .first;
  }
  counter->second.add();
  instruments.seconds.observe(took.count());
}

CallMetrics::Instruments& CallMetrics::of(const Name& name) {
  if (const auto found = tools_.find(name); found != tools_.end()) return found->second;
  return tools_
      .emplace(name,
               Instruments{.ended = {},
                           .seconds = core_.metrics.histogram("geminga_orchestrator_call_seconds",
                                                              "From call to answer, by server and tool",
                                                              base::latency_buckets(), labels_of(name))})
      .first->second;
}

}  // namespace geminga::orchestrator
