#include "orchestrator/services/plan_runner.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "orchestrator/services/dead_letters.hpp"
#include "orchestrator/services/results.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::chrono::milliseconds kLookAgain{1'000};

/// Claims are named after steps, so each must have a name, of its own and without a slash.
void name_steps(Plan& plan) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < plan.plan.size(); ++i) {
    auto& id = plan.plan[i].step_id;
    if (!id || id->empty() || id->contains('/') || seen.contains(*id)) id = fmt::format("step-{}", i + 1);
    seen.insert(*id);
  }
}

}  // namespace

PlanRunner::PlanRunner(std::shared_ptr<Core> core, std::shared_ptr<CallMetrics> metrics,
                       std::shared_ptr<HeldServers> held_servers)
    : core_(std::move(core)), metrics_(std::move(metrics)), held_servers_(std::move(held_servers)) {}

void PlanRunner::start() {
  renewal_ =
      std::make_unique<Repeat>(core_->loop, core_->options.settings.lease / 3, [this] { renew_leases(); });
  postponement_ = std::make_unique<Repeat>(core_->loop, kLookAgain, [this] {
    for (auto& step : std::exchange(postponed_, {})) step();
  });
}

void PlanRunner::halt() {
  stopping_ = true;
  without_room_.clear();
  renewal_.reset();
  postponement_.reset();
  postponed_.clear();
}

void PlanRunner::abandon_all() {
  for (const auto& [id, run] : runs_) {
    run->abandoned = true;
    if (run->calling) core_->registry.cancel(run->id);
  }
}

void PlanRunner::on_loop(std::move_only_function<void()> step) {
  core_->loop.post([self = shared_from_this(), step = std::move(step)]() mutable { step(); });
}

void PlanRunner::write(const RunPtr& run, Write write_it, std::function<void()> then) {
  write_it([self = shared_from_this(), run, write_it, then](Result<> written) {
    self->on_loop([self = self.get(), run, write_it, then, written = std::move(written)] {
      if (written) return then();
      const auto code = written.error().code;
      if (code == ErrorCode::claim_lost || code == ErrorCode::closed || self->stopping_) {
        // The plan comes again and finds what another owner has made of it, or an attempt of unknown outcome.
        self->drop(run);
        return run->item.hand_back(written.error());
      }
      log::error("orchestrator", "a step of a plan is not written yet: {}", written.error().message);
      self->postponed_.push_back([self, run, write_it, then] { self->write(run, write_it, then); });
    });
  });
}

void PlanRunner::drop(const RunPtr& run) {
  const auto found = runs_.find(run->plan.request_id);
  if (found != runs_.end() && found->second == run) runs_.erase(found);
  while (!without_room_.empty() && runs_.size() < core_->options.settings.calls_max) {
    const auto next = std::move(without_room_.front());
    without_room_.pop_front();
    begin(next);
  }
}

void PlanRunner::run(const Item& item, Plan plan, Envelope envelope) {
  name_steps(plan);
  auto run = std::make_shared<Run>(Run{.item = item,
                                       .plan = std::move(plan),
                                       .envelope = std::move(envelope),
                                       .began = hop_now(),
                                       .token = {},
                                       .results = {},
                                       .signal = {},
                                       .step_token = {},
                                       .failures = {},
                                       .id = {}});
  on_loop([this, run = std::move(run)] { begin(run); });
}

void PlanRunner::begin(const RunPtr& run) {
  // When stopping, the plan stays where it is and goes back with its consumer.
  if (stopping_) return;
  if (runs_.contains(run->plan.request_id)) return run->item.hand_back(kLookAgain);
  if (runs_.size() >= core_->options.settings.calls_max) return without_room_.push_back(run);
  runs_.emplace(run->plan.request_id, run);
  TakeClaim take;
  take.request_id = run->plan.request_id;
  take.kind = ClaimKind::plan;
  take.generation = run->envelope.generation;
  take.owner = core_->owner;
  take.lease = core_->options.settings.lease;
  core_->store->take_claim(std::move(take), [self = shared_from_this(), run](Result<TakenClaim> claim) {
    self->on_loop([self = self.get(), run, claim = std::move(claim)] { self->taken(run, claim); });
  });
}

void PlanRunner::taken(const RunPtr& run, const Result<TakenClaim>& claim) {
  if (!claim) {
    drop(run);
    return run->item.hand_back(claim.error());
  }
  switch (claim->result) {
    case TakeResult::taken:
    case TakeResult::outcome_unknown:  // what is unknown is a step's outcome, and the step has a claim of its
                                       // own
      run->token = claim->token;
      return next(run);
    case TakeResult::running:
      drop(run);
      return run->item.hand_back(kLookAgain);
    case TakeResult::done:
      drop(run);
      return run->item.forward(end_messages_again(*core_, run->envelope, *claim, run->item.message()));
    case TakeResult::retry_scheduled:
    case TakeResult::superseded:
    case TakeResult::cancelled:
      drop(run);
      return run->item.acknowledge();
  }
}

void PlanRunner::next(const RunPtr& run) {
  const auto& steps = run->plan.plan;
  while (run->at < steps.size() && !steps[run->at].tool_id) ++run->at;
  if (stopping_ || run->abandoned) {
    drop(run);
    if (!stopping_) run->item.hand_back(kLookAgain);
    return;
  }
  if (run->at == steps.size()) return complete(run);
  if (run->cancelled) return fail_plan(run, "the job was cancelled", {});
  look_up(run);
}

/// A step that has ended well before, in this generation or in one before a replay, stands.
void PlanRunner::look_up(const RunPtr& run) {
  core_->store->finished(
      {claim_id(*run)}, [self = shared_from_this(), run](Result<std::vector<FinishedRequest>> ended) {
        self->on_loop([self = self.get(), run, ended = std::move(ended)] {
          if (!ended) return self->give_back(run, kLookAgain);
          const auto result = ended->empty() ? Result<ResultEvent>(fail(ErrorCode::not_found, ""))
                                             : parse_result(ended->front().result_json);
          if (!result || result->status != ResultStatus::tool) return self->take_step(run, 0);
          run->results.push_back(*result);
          ++run->at;
          self->next(run);
        });
      });
}

void PlanRunner::take_step(const RunPtr& run, std::uint32_t attempt) {
  run->step_began = hop_now();
  const PlanStep& step = run->plan.plan[run->at];
  run->signal = {.request_id = run->plan.request_id,
                 .tool_id = *step.tool_id,
                 .server_id = step.server_id.value_or(""),
                 .params = step.params.empty() ? "{}" : step.params,
                 .confidence = run->plan.confidence.value_or(1),
                 .attempt = attempt,
                 .max_attempts = core_->options.settings.max_attempts,
                 .timestamp = core_->now()};
  TakeClaim take;
  take.request_id = claim_id(*run);
  take.generation = run->envelope.generation;
  take.attempt = attempt;
  take.owner = core_->owner;
  take.lease = core_->options.settings.lease;
  core_->store->take_claim(std::move(take), [self = shared_from_this(), run](Result<TakenClaim> claim) {
    self->on_loop([self = self.get(), run, claim = std::move(claim)]() mutable {
      self->step_taken(run, std::move(claim));
    });
  });
}

void PlanRunner::step_taken(const RunPtr& run, Result<TakenClaim> claim) {
  if (!claim) return give_back(run, kLookAgain);
  run->step_token = std::move(claim->token);
  run->failures = std::move(claim->failures);
  const auto attempt = run->signal.attempt;
  switch (claim->result) {
    case TakeResult::taken:
      return call(run);
    case TakeResult::outcome_unknown:
      return step_ended(
          run,
          {.outcome = Outcome::outcome_unknown,
           .error =
               "outcome_unknown: the orchestrator stopped while the call ran; it may have been executed"});
    case TakeResult::running:
      return give_back(run, kLookAgain);
    case TakeResult::done: {
      // It failed, and the end of the plan was not written any more.
      const auto result = parse_result(claim->result_json);
      return fail_plan(run, result ? result->error.value_or("the step failed") : result.error().message,
                       claim->dead_letter_json);
    }
    case TakeResult::retry_scheduled: {
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(claim->retry_at - core_->now());
      if (wait.count() > 0) return give_back(run, wait);
      return take_step(run, attempt + 1);
    }
    case TakeResult::superseded:
      if (attempt + 1 < run->signal.max_attempts) return take_step(run, attempt + 1);
      return fail_plan(run, "its last attempt was begun before, and its end is not known", {});
    case TakeResult::cancelled:
      run->cancelled = true;
      return fail_plan(run, "the job was cancelled", {});
  }
}

void PlanRunner::call(const RunPtr& run) {
  run->step_began = hop_now();
  if (stopping_) {  // nothing has left
    drop(run);
    core_->store->release_claim({.request_id = claim_id(*run), .token = run->step_token},
                                [](const Result<>&) {});
    return;
  }
  if (run->cancelled)
    return step_ended(run, {.outcome = Outcome::cancelled, .error = "the job was cancelled"});
  // Between the plan and this step the tool may have changed.
  if (auto error = schema_error(*core_, run->signal); !error.empty())
    return step_ended(run, {.outcome = Outcome::final, .error = std::move(error)});
  run->calling = true;
  mcp::CallOptions options;
  options.idempotency_key = claim_id(*run);
  options.traceparent = run->envelope.traceparent;
  run->id =
      core_->registry.call(run->signal.server_id, run->signal.tool_id, run->signal.params, std::move(options),
                           [self = shared_from_this(), run](mcp::CallOutcome outcome) {
                             self->on_loop([self = self.get(), run, outcome = std::move(outcome)]() mutable {
                               self->returned(run, std::move(outcome));
                             });
                           });
}

void PlanRunner::returned(const RunPtr& run, mcp::CallOutcome outcome) {
  run->calling = false;
  if (run->abandoned && !outcome) {
    drop(run);
    // A claim is another's: the plan comes again, until that one has ended it.
    if (!stopping_) return run->item.hand_back(kLookAgain);
    if (outcome.error().kind == mcp::FailureClass::not_executed)
      core_->store->release_claim({.request_id = claim_id(*run), .token = run->step_token},
                                  [](const Result<>&) {});
    return;
  }
  step_ended(run, ending_of(std::move(outcome), run->cancelled));
}

void PlanRunner::step_ended(const RunPtr& run, Ending ending) {
  record(run, ending);
  count(*run, ending);
  switch (action_after(*core_, run->signal, ending.outcome)) {
    case Action::complete:
    case Action::fail:
      return finish_step(run, ending, false);
    case Action::fail_dead_letter:
      return finish_step(run, ending, true);
    case Action::retry:
      return retry_step(run, ending);
    case Action::hand_back: {
      const auto delay =
          held_servers_->refused(run->signal.server_id, ending.retry_after, core_->clock.monotonic_now());
      return write(
          run,
          [this, held = HeldClaim{.request_id = claim_id(*run), .token = run->step_token}](
              StoreCallback<void> done) { core_->store->release_claim(held, std::move(done)); },
          [this, run, delay] { give_back(run, delay); });
    }
  }
}

std::string PlanRunner::step_name(const Run& run) {
  return fmt::format("step {} ({} on {})", *run.plan.plan[run.at].step_id, run.signal.tool_id,
                     run.signal.server_id);
}

ClaimedCall PlanRunner::claimed(const Run& run) const {
  return {.claim = {.request_id = claim_id(run), .token = run.step_token},
          .signal = run.signal,
          .original = run.item.message(),
          .failures = run.failures,
          .name = step_name(run)};
}

void PlanRunner::finish_step(const RunPtr& run, const Ending& ending, bool with_dead_letter) {
  const auto finish = finish_of(*core_, claimed(*run), ending, with_dead_letter).finish;
  const auto written = parse_result(finish.result_json);
  write(
      run, [this, finish](StoreCallback<void> done) { core_->store->finish_claim(finish, std::move(done)); },
      [this, run, finish, written] {
        if (!written || written->status != ResultStatus::tool)
          return fail_plan(run, written ? written->error.value_or("it failed") : written.error().message,
                           finish.dead_letter_json);
        run->results.push_back(*written);
        ++run->at;
        next(run);
      });
}

void PlanRunner::retry_step(const RunPtr& run, const Ending& ending) {
  const auto retry = retry_of(*core_, claimed(*run), ending);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(retry.retry_at - core_->now());
  write(
      run, [this, retry](StoreCallback<void> done) { core_->store->retry_claim(retry, std::move(done)); },
      [this, run, wait] { give_back(run, wait); });
}

/// The plan lies on the bus until then; whoever gets it goes on where it stands.
void PlanRunner::give_back(const RunPtr& run, std::chrono::milliseconds delay) {
  run->step_token.clear();
  write(
      run,
      [this, held = HeldClaim{.request_id = run->plan.request_id, .token = run->token}](
          StoreCallback<void> done) { core_->store->release_claim(held, std::move(done)); },
      [this, run, delay] {
        drop(run);
        run->item.hand_back(delay);
      });
}

void PlanRunner::complete(const RunPtr& run) {
  finish_plan(run, executed_plan_result(run->plan, run->results, core_->now()), {}, Outcome::ok);
}

void PlanRunner::fail_plan(const RunPtr& run, std::string error, std::string dead_letter_json) {
  auto result = plan_result(run->plan, core_->now());
  result.status = ResultStatus::failed;
  result.error = run->signal.tool_id.empty() ? std::move(error) : step_name(*run) + ": " + error;
  finish_plan(run, result, std::move(dead_letter_json), run->cancelled ? Outcome::cancelled : Outcome::final);
}

void PlanRunner::finish_plan(const RunPtr& run, const ResultEvent& result, std::string dead_letter_json,
                             Outcome outcome) {
  const WrittenEnd end{.finish = {.request_id = run->plan.request_id,
                                  .token = run->token,
                                  .result_json = to_json(result),
                                  .dead_letter_json = std::move(dead_letter_json)},
                       .status = result.status};
  write(
      run,
      [this, finish = end.finish](StoreCallback<void> done) {
        core_->store->finish_claim(finish, std::move(done));
      },
      [this, run, end, outcome] {
        core_->on_end(end.finish.request_id, end.finish.result_json);
        drop(run);
        auto messages = end_messages(*core_, run->envelope, end);
        Execution execution;
        execution.request_id = run->plan.request_id;
        execution.step = "coordinator";
        execution.started_at = run->began;
        execution.ended_at = hop_now();
        execution.outcome = outcome;
        messages.push_back(core_->record(run->envelope, execution));
        run->item.forward(std::move(messages));
      });
}

void PlanRunner::count(const Run& run, const Ending& ending) {
  const auto& signal = run.signal;
  if (ending.outcome == Outcome::ok) core_->usage.add(signal.server_id, signal.tool_id);
  metrics_->ended(signal.server_id, signal.tool_id, ending.outcome, hop_now() - run.step_began);
}

/// Each attempt of a step has a record of its own, published at once: the plan's own message goes on to lie
/// where it is.
void PlanRunner::record(const RunPtr& run, const Ending& ending) {
  Execution execution;
  execution.request_id = run->plan.request_id;
  execution.step = *run->plan.plan[run->at].step_id;
  execution.attempt = run->signal.attempt;
  execution.server_id = run->signal.server_id;
  execution.tool_id = run->signal.tool_id;
  execution.arguments_hash = arguments_hash(run->signal.params);
  execution.started_at = run->step_began;
  execution.ended_at = hop_now();
  execution.outcome = ending.outcome;
  if (!ending.error.empty()) execution.error = ending.error.substr(0, 2'048);
  std::vector<TopicMessage> messages;
  messages.push_back(core_->record(run->envelope, execution));
  core_->bus.publish_async(std::move(messages), [](const Result<std::vector<MessageId>>& ids) {
    if (!ids) log::warn("orchestrator", "the record of a step was not published: {}", ids.error().message);
  });
}

void PlanRunner::cancel(const std::string& request_id) {
  const auto found = runs_.find(request_id);
  if (found == runs_.end()) return;
  found->second->cancelled = true;
  if (found->second->calling) core_->registry.cancel(found->second->id);
}

void PlanRunner::renew_leases() {
  std::vector<HeldClaim> held;
  for (const auto& [id, run] : runs_) {
    if (!run->token.empty()) held.push_back({.request_id = id, .token = run->token});
    if (run->calling) held.push_back({.request_id = claim_id(*run), .token = run->step_token});
  }
  if (held.empty()) return;
  core_->store->renew_leases(std::move(held), core_->options.settings.lease,
                             [self = shared_from_this()](Result<std::vector<StoppedClaim>> stopped) {
                               if (!stopped || stopped->empty()) return;
                               self->on_loop([self = self.get(), stopped = *std::move(stopped)] {
                                 for (const auto& claim : stopped) self->claim_stopped(claim);
                               });
                             });
}

void PlanRunner::claim_stopped(const StoppedClaim& stopped) {
  const auto& [claim, token] = stopped.claim;
  const auto found = runs_.find(claim.substr(0, claim.find('/')));
  if (found == runs_.end()) return;
  auto& run = *found->second;
  if (run.token != token && run.step_token != token) return;
  if (stopped.cancelled && !run.cancelled) return cancel(run.plan.request_id);
  if (stopped.cancelled || !run.calling) return;
  log::warn("orchestrator", "the claim of {} was lost; its call is cancelled", claim);
  run.abandoned = true;
  core_->registry.cancel(run.id);
}

}  // namespace geminga::orchestrator
