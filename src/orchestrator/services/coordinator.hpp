#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/services/call_metrics.hpp"
#include "orchestrator/services/held_servers.hpp"
#include "orchestrator/services/intakes.hpp"
#include "orchestrator/services/plan_runner.hpp"
#include "orchestrator/services/retry_policy.hpp"

namespace geminga::orchestrator {

/// Takes signals and plans, calls the tools, publishes results. Any number of calls run at once; their state
/// lives on the core's loop.
///
/// A signal: claim taken (one commit) -> call -> claim ended (one commit) -> result, dead letter or retry
/// published and the signal acknowledged (one step of the bus). Whatever is cut off in between is found by
/// the redelivered signal in the claim's row.
class Coordinator : public std::enable_shared_from_this<Coordinator> {
 public:
  explicit Coordinator(std::shared_ptr<Core> core);

  Result<> consume();
  /// The call of a request whose job was cancelled ends; its result is "cancelled". One that another process
  /// has cancelled ends when its lease is renewed. Any thread.
  void cancel(std::string request_id);
  /// No new signals; running calls may end until `grace`, then they are cancelled and their claims stay as
  /// they are, for the next start. Blocks until `deadline` at most.
  void stop(base::MonotonicTime grace, base::MonotonicTime deadline);

  [[nodiscard]] Intakes& signals() { return *signals_; }
  [[nodiscard]] Intakes& plans() { return *plans_; }
  [[nodiscard]] std::size_t calls_in_progress() const { return calls_in_progress_; }

 private:
  /// One signal between its delivery and its end. Loop only.
  struct Call {
    Item item;
    ToolSignal signal;
    Envelope envelope;
    HopTime began{};
    std::string token;  ///< of the claim, once it is taken
    std::vector<AttemptFailure> failures;
    mcp::CallId id;
    bool calling = false;             ///< between call and its outcome
    bool cancelled = false;           ///< by the user
    bool abandoned = false;           ///< by the stop, or the claim was lost: nothing is written any more
    std::optional<Ending> unclaimed;  ///< with unsafe.claim_after_call: it has ended before its claim
  };
  using CallPtr = std::shared_ptr<Call>;

  // Handler threads:
  void on_signal(const Item& item);
  /// True: it has room for one call, and has taken it; left() gives it back.
  bool enter();
  void on_plan(const Item& item);
  void answer_with(const Item& item, const Plan& plan, const Envelope& envelope);
  bool acceptable(const Item& item, const Envelope& envelope);
  [[nodiscard]] Envelope envelope_for(const Item& item, const std::string& request_id) const;

  // Loop:
  void wait_for_room(const Item& item);
  void left();
  void begin(CallPtr call);
  void take(CallPtr call);
  void taken(const CallPtr& call, Result<TakenClaim> claim);
  void invoke(const CallPtr& call);
  void returned(const CallPtr& call, mcp::CallOutcome outcome);
  void abandoned(const CallPtr& call, bool executed);
  void conclude(const CallPtr& call, Ending ending);
  [[nodiscard]] static ClaimedCall claimed(const Call& call);
  void finish(const CallPtr& call, const Ending& ending, bool with_dead_letter);
  void write_end(const CallPtr& call, WrittenEnd end, Execution execution);
  void retry(const CallPtr& call, const Ending& ending);
  void write_retry(const CallPtr& call, RetryClaim retry, std::vector<TopicMessage> messages);
  /// True: the store could not write now, and `step` runs again in a second; the claim stays ours meanwhile.
  bool again(const Result<>& written, std::function<void()> step);
  void hand_back(const CallPtr& call, const Ending& ending);
  void release(const CallPtr& call);
  void renew_leases();
  void claim_stopped(const StoppedClaim& stopped);
  void do_cancel(const std::string& request_id);
  void abandon_all();

  [[nodiscard]] Execution execution_of(const Call& call, const Ending& ending) const;
  [[nodiscard]] TopicMessage retry_message(const Call& call, const std::string& error, Timestamp at) const;
  void count(const Call& call, const Ending& ending);
  /// Runs `step` on the loop, unless the coordinator is gone by then.
  void on_loop(std::move_only_function<void()> step);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<CallMetrics> metrics_;
  const std::shared_ptr<Intakes> signals_;
  const std::shared_ptr<Intakes> plans_;
  const std::shared_ptr<HeldServers> held_servers_;
  const std::shared_ptr<PlanRunner> runner_;
  std::atomic<std::size_t> calls_in_progress_ = 0;
  // The core's loop:
  std::map<std::string, CallPtr> calls_;
  /// Taken, not looked at, by arrival: as many calls run as may. With one namespace there are none, since its
  /// intake takes no more than may run.
  std::deque<Item> without_room_;
  std::unique_ptr<Repeat> renewal_;
  std::vector<std::function<void()>> postponed_;
  std::unique_ptr<Repeat> postponement_;
  bool stopping_ = false;
};

}  // namespace geminga::orchestrator
