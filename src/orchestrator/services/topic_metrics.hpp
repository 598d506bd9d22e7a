#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/blocking_pool.hpp"
#include "orchestrator/services/tenant_spaces.hpp"

namespace geminga::orchestrator {

/// What lies in the orchestrator's topics, and what its services have yet to settle of it, of all namespaces
/// together; looked at every ten seconds: statistics wait for the bus, and an exposition must not.
class TopicMetrics : public std::enable_shared_from_this<TopicMetrics> {
 public:
  TopicMetrics(std::shared_ptr<Core> core, std::shared_ptr<TenantSpaces> spaces,
               const std::shared_ptr<net::BlockingPool>& pool);
  /// Both on the core's loop.
  void start();
  void stop() { repeat_.reset(); }

 private:
  struct TopicGauges {
    base::Gauge messages;
    base::Gauge bytes;
    std::map<std::string, base::Gauge, std::less<>> backlog;  ///< by subscription
  };
  void look();
  void refresh();
  [[nodiscard]] Result<> refresh(TopicRole role, const TopicGauges& gauges) const;

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<TenantSpaces> spaces_;
  const std::weak_ptr<net::BlockingPool> pool_;
  std::vector<std::pair<TopicRole, TopicGauges>> topics_;  // const after construction
  std::atomic<bool> looking_ = false;
  std::unique_ptr<Repeat> repeat_;  // the core's loop
};

}  // namespace geminga::orchestrator
