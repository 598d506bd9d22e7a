#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/services/call_metrics.hpp"
#include "orchestrator/services/call_rules.hpp"
#include "orchestrator/services/held_servers.hpp"
#include "orchestrator/services/intake.hpp"

namespace geminga::orchestrator {

/// Calls the steps of a model's plan, one after the other. The request is claimed as a plan and each step as
/// requestId/stepId, by the same rules as a tool signal; a step that has ended well is never called again,
/// neither after a crash nor by a replay. While a step waits for its next attempt the plan lies on the bus
/// and nobody holds its claim. The first step that fails ends the plan.
///
/// Everything but run() on the core's loop.
class PlanRunner : public std::enable_shared_from_this<PlanRunner> {
 public:
  PlanRunner(std::shared_ptr<Core> core, std::shared_ptr<CallMetrics> metrics,
             std::shared_ptr<HeldServers> held_servers);

  void start();
  /// Any thread.
  void run(const Item& item, Plan plan, Envelope envelope);
  void cancel(const std::string& request_id);
  /// Begins no step any more.
  void halt();
  /// Ends the running calls and leaves their claims as they are, for the next start.
  void abandon_all();

 private:
  /// One delivery of a plan.
  struct Run {
    Item item;
    Plan plan;
    Envelope envelope;
    HopTime began{};
    std::string token;                 ///< of the plan's claim, once it is taken
    std::size_t at = 0;                ///< the step that is next
    std::vector<ResultEvent> results;  ///< of the steps that have ended well
    // The step that runs:
    ToolSignal signal;
    std::string step_token;
    std::vector<AttemptFailure> failures;
    HopTime step_began{};
    mcp::CallId id;
    bool calling = false;
    bool cancelled = false;  ///< by the user
    bool abandoned = false;  ///< by the stop, or a claim was lost
  };
  using RunPtr = std::shared_ptr<Run>;

  void begin(const RunPtr& run);
  void taken(const RunPtr& run, const Result<TakenClaim>& claim);
  void next(const RunPtr& run);
  void look_up(const RunPtr& run);
  void take_step(const RunPtr& run, std::uint32_t attempt);
  void step_taken(const RunPtr& run, Result<TakenClaim> claim);
  void call(const RunPtr& run);
  void returned(const RunPtr& run, mcp::CallOutcome outcome);
  void step_ended(const RunPtr& run, Ending ending);
  void finish_step(const RunPtr& run, const Ending& ending, bool with_dead_letter);
  void retry_step(const RunPtr& run, const Ending& ending);
  void complete(const RunPtr& run);
  void fail_plan(const RunPtr& run, std::string error, std::string dead_letter_json);
  void finish_plan(const RunPtr& run, const ResultEvent& result, std::string dead_letter_json,
                   Outcome outcome);
  void give_back(const RunPtr& run, std::chrono::milliseconds delay);
  void drop(const RunPtr& run);
  void count(const Run& run, const Ending& ending);
  void record(const RunPtr& run, const Ending& ending);
  void renew_leases();
  void claim_stopped(const StoppedClaim& stopped);

  [[nodiscard]] std::string claim_id(const Run& run) const {
    return run.plan.request_id + "/" + *run.plan.plan[run.at].step_id;
  }
  [[nodiscard]] static std::string step_name(const Run& run);
  [[nodiscard]] ClaimedCall claimed(const Run& run) const;
  /// Writes to the store, again each second while it cannot, then goes on on the loop: true: written; false:
  /// the claim is lost.
  using Write = std::function<void(StoreCallback<void> done)>;
  void write(const RunPtr& run, Write write, std::function<void()> then);
  /// Runs `step` on the loop.
  void on_loop(std::move_only_function<void()> step);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<CallMetrics> metrics_;
  const std::shared_ptr<HeldServers> held_servers_;
  std::map<std::string, RunPtr> runs_;
  std::deque<RunPtr> without_room_;  // by arrival
  std::unique_ptr<Repeat> renewal_;
  std::vector<std::function<void()>> postponed_;
  std::unique_ptr<Repeat> postponement_;
  bool stopping_ = false;
};

}  // namespace geminga::orchestrator
