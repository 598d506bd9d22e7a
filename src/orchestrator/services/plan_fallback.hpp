#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "orchestrator/planner/planner.hpp"
#include "orchestrator/services/intakes.hpp"
#include "orchestrator/services/matcher_service.hpp"

namespace geminga::orchestrator {

/// Answers with a plan where the matcher found no tool, or did not speak within the window: a planner's where
/// there is one and it makes one, otherwise one that names the best candidates. It looks at the matcher's
/// decision in the store, and looks again by delayed redelivery; it never waits. The window of a request
/// starts anew with each start of this service.
class PlanFallback : public std::enable_shared_from_this<PlanFallback> {
 public:
  /// `planner` may be null.
  PlanFallback(std::shared_ptr<Core> core, std::shared_ptr<MatcherService> matcher,
               std::shared_ptr<Planner> planner);
  /// To be called once the matcher consumes: the window runs only while it does.
  Result<> consume();
  /// The matcher has stopped: no window ends any more.
  void freeze() { frozen_ = true; }
  [[nodiscard]] Intakes& intake() { return *intake_; }

 private:
  void work(const Item& item);
  void look(const Item& item, const UserRequest& request, HopTime began);
  void undecided(const Item& item, const UserRequest& request, HopTime began);
  /// Asks the planner.
  void make(const Item& item, const UserRequest& request, HopTime began, const Decision& decision);
  void publish(const Item& item, const UserRequest& request, HopTime began, const Plan& plan);
  bool window_over(const std::string& request_id);
  void forget(const std::string& request_id);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<MatcherService> matcher_;
  const std::shared_ptr<Planner> planner_;
  const std::shared_ptr<Intakes> intake_;
  const base::Counter plans_;
  std::atomic<bool> frozen_ = false;
  std::mutex mutex_;
  std::map<std::string, base::MonotonicTime> first_seen_;  // under mutex_
};

}  // namespace geminga::orchestrator
