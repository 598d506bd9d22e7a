#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/planner/planner.hpp"
#include "orchestrator/services/intakes.hpp"
#include "orchestrator/services/matcher_service.hpp"
#include "orchestrator/services/silence.hpp"

namespace geminga::orchestrator {

/// Answers with a plan where the matcher found no tool, or did not speak within the window: a planner's where
/// there is one and it makes one, otherwise one that names the best candidates. It looks at the matcher's
/// decision in the store, soon after a request came, for all that came meanwhile at once; then it looks again
/// at all that it holds undecided, which are no more than its intake takes: a matcher that is behind is
/// followed, not overtaken. The window of a request starts anew with each start of this service, after a
/// store that could not be asked, and with a decision about one that came earlier.
class PlanFallback : public std::enable_shared_from_this<PlanFallback> {
 public:
  /// `planner` may be null.
  PlanFallback(std::shared_ptr<Core> core, std::shared_ptr<MatcherService> matcher,
               std::shared_ptr<Planner> planner);
  /// To be called once the matcher consumes: the window runs only while it does.
  Result<> consume();
  /// The matcher has stopped: no window ends any more, and what is undecided goes back.
  void freeze();
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
  using Numbers = std::vector<std::uint64_t>;
  void work(const Item& item);
  // The core's loop:
  void arm();
  /// At the decisions of all that have arrived, or also of those that were looked at before.
  void look();
  void admit(base::MonotonicTime now, Numbers& to_ask);
  void ask(Numbers numbers);
  void looked(const Numbers& asked, const Result<std::vector<StoredDecision>>& found);
  void undecided(std::uint64_t number);
  Arrived take(std::uint64_t number);
  // Any thread:
  void decided(const Arrived& arrived, const StoredDecision& stored);
  /// Asks the planner.
  void make(const Item& item, const UserRequest& request, HopTime began, const Decision& decision);
  void publish(const Item& item, const UserRequest& request, HopTime began, const Plan& plan);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<MatcherService> matcher_;
  const std::shared_ptr<Planner> planner_;
  const std::shared_ptr<Intakes> intake_;
  const base::Counter plans_;
  std::atomic<bool> frozen_ = false;
  std::mutex mutex_;
  std::vector<Arrived> arrived_;  // under mutex_
  // The core's loop:
  std::map<std::uint64_t, Arrived> held_;  // undecided, by arrival
  Silence silence_;
  std::uint64_t arrivals_ = 0;
  std::optional<base::MonotonicTime> first_look_;  // at those in arrived_; nothing: there are none
  base::MonotonicTime look_again_{};               // at those in held_
  bool looking_ = false;
  std::unique_ptr<base::Timer> timer_;  // null: stopped
};

}  // namespace geminga::orchestrator
