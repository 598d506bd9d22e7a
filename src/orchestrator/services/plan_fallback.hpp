#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "orchestrator/planner/planner.hpp"
#include "orchestrator/services/intakes.hpp"
#include "orchestrator/services/matcher_service.hpp"

namespace geminga::orchestrator {

/// Answers with a plan where the matcher found no tool, or did not speak within the window: a planner's where
/// there is one and it makes one, otherwise one that names the best candidates. It looks at the matcher's
/// decision in the store, soon after a request came, for all that came meanwhile at once; then it looks again
/// by delayed redelivery. The window of a request starts anew with each start of this service, and after a
/// store that could not be asked.
class PlanFallback : public std::enable_shared_from_this<PlanFallback> {
 public:
  /// `planner` may be null.
  PlanFallback(std::shared_ptr<Core> core, std::shared_ptr<MatcherService> matcher,
               std::shared_ptr<Planner> planner);
  /// To be called once the matcher consumes: the window runs only while it does.
  Result<> consume();
  /// The matcher has stopped: no window ends any more.
  void freeze() { frozen_ = true; }
  /// No look follows any more; once its intake is closed.
  void stop();
  [[nodiscard]] Intakes& intake() { return *intake_; }

 private:
  /// A request whose decision is to be looked at.
  struct Arrived {
    Item item;
    UserRequest request;
    HopTime began{};
  };
  using Batch = std::vector<Arrived>;
  void work(const Item& item);
  /// At the decisions of all that have arrived. On the loop.
  void look();
  void looked(const Batch& batch, const std::vector<StoredDecision>& found);
  void decided(const Arrived& arrived, const StoredDecision& stored);
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
  Batch arrived_;                                          // under mutex_
  std::unique_ptr<base::Timer> timer_;                     // the core's loop; null: stopped
};

}  // namespace geminga::orchestrator
