#include "orchestrator/services/coordinator.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "orchestrator/services/dead_letters.hpp"
#include "orchestrator/services/results.hpp"

namespace geminga::orchestrator {
namespace {

/// Before a second copy of a signal is looked at again.
constexpr std::chrono::milliseconds kLookAgain{1'000};

/// What cannot be called yet waits on the bus, so a call's body may be large without being one of thousands.
constexpr std::size_t kSignalBytes = 256U << 20U;

std::shared_ptr<Intakes> make_intakes(const std::shared_ptr<Core>& core, std::string service, TopicRole role,
                                      IntakeLimits limits) {
  return std::make_shared<Intakes>(core, std::move(service), role, kCoordinatorSubscription, nullptr, limits);
}

IntakeLimits plan_limits(const OrchestratorSettings& settings) {
  IntakeLimits limits;
  limits.deliveries = std::min(limits.deliveries, settings.calls_max);
  return limits;
}

}  // namespace

Coordinator::Coordinator(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      metrics_(std::make_shared<CallMetrics>(*core_)),
      signals_(make_intakes(core_, "coordinator", TopicRole::tool_signals,
                            {.deliveries = core_->options.settings.calls_max, .bytes = kSignalBytes})),
      plans_(
          make_intakes(core_, "coordinator-plans", TopicRole::plans, plan_limits(core_->options.settings))),
      held_servers_(std::make_shared<HeldServers>([registry = &core_->registry](const std::string& server) {
        const auto settings = registry->settings(server);
        return settings ? settings->max_per_second : 0;
      })),
      runner_(std::make_shared<PlanRunner>(core_, metrics_, held_servers_)) {}

Result<> Coordinator::consume() {
  core_->loop.run([this] {
    runner_->start();
    renewal_ =
        std::make_unique<Repeat>(core_->loop, core_->options.settings.lease / 3, [this] { renew_leases(); });
    postponement_ = std::make_unique<Repeat>(core_->loop, kLookAgain, [this] {
      for (auto& step : std::exchange(postponed_, {})) step();
    });
  });
  GEMINGA_TRY_VOID(signals_->open([weak = weak_from_this()](const Item& item) {
    if (const auto self = weak.lock()) self->on_signal(item);
  }));
  return plans_->open([weak = weak_from_this()](const Item& item) {
    if (const auto self = weak.lock()) self->on_plan(item);
  });
}

void Coordinator::on_loop(std::move_only_function<void()> step) {
  core_->loop.post([self = shared_from_this(), step = std::move(step)]() mutable { step(); });
}

bool Coordinator::acceptable(const Item& item, const Envelope& envelope) {
  if (envelope.store_id.empty() || envelope.store_id == core_->store->id()) return true;
  item.dead_letter(
      fmt::format("it belongs to the jobs store {}, this one is {}", envelope.store_id, core_->store->id()));
  return false;
}

Envelope Coordinator::envelope_for(const Item& item, const std::string& request_id) const {
  auto envelope = item.envelope();
  envelope.request_id = request_id;
  envelope.store_id = core_->store->id();
  return envelope;
}

bool Coordinator::enter() {
  auto now = calls_in_progress_.load();
  while (now < core_->options.settings.calls_max)
    if (calls_in_progress_.compare_exchange_weak(now, now + 1)) return true;
  return false;
}

void Coordinator::left() {
  --calls_in_progress_;
  if (without_room_.empty()) return;
  const auto next = std::move(without_room_.front());
  without_room_.pop_front();
  on_signal(next);
}

void Coordinator::wait_for_room(const Item& item) {
  if (stopping_) return;
  without_room_.push_back(item);
  // What it waits for may have ended on the way here.
  if (!enter()) return;
  left();
}

void Coordinator::on_signal(const Item& item) {
  if (!enter()) return on_loop([this, item] { wait_for_room(item); });
  auto signal = parse_tool_signal(item.message().body);
  if (!signal || !acceptable(item, item.envelope())) {
    on_loop([this] { left(); });
    if (!signal) item.dead_letter(signal.error().message);
    return;
  }
  auto envelope = envelope_for(item, signal->request_id);
  auto call = std::make_shared<Call>(Call{.item = item,
                                          .signal = *std::move(signal),
                                          .envelope = std::move(envelope),
                                          .began = hop_now(),
                                          .token = {},
                                          .failures = {},
                                          .id = {},
                                          .unclaimed = {}});
  on_loop([this, call = std::move(call)] { begin(call); });
}

void Coordinator::begin(CallPtr call) {
  const auto& id = call->signal.request_id;
  // When stopping, the signal stays where it is and goes back with its consumer.
  if (stopping_ || calls_.contains(id)) {
    left();
    if (!stopping_) call->item.hand_back(kLookAgain);
    return;
  }
  // Before the claim: a signal that waits for its server costs no row.
  if (const auto turn = held_servers_->turned_away(call->signal.server_id, core_->clock.monotonic_now())) {
    left();
    return call->item.hand_back(*turn);
  }
  calls_.emplace(id, call);
  if (core_->options.unsafe.claim_after_call) return invoke(call);
  take(std::move(call));
}

void Coordinator::take(CallPtr call) {
  TakeClaim take;
  take.request_id = call->signal.request_id;
  take.kind = ClaimKind::tool;
  take.generation = call->envelope.generation;
  take.attempt = call->signal.attempt;
  take.owner = core_->owner;
  take.lease = core_->options.settings.lease;
  core_->store->take_claim(
      std::move(take), [self = shared_from_this(), call = std::move(call)](Result<TakenClaim> claim) mutable {
        self->on_loop([self = self.get(), call = std::move(call), claim = std::move(claim)]() mutable {
          self->taken(call, std::move(claim));
        });
      });
}

void Coordinator::release(const CallPtr& call) {
  const auto found = calls_.find(call->signal.request_id);
  if (found == calls_.end() || found->second != call) return;
  calls_.erase(found);
  left();
}

void Coordinator::taken(const CallPtr& call, Result<TakenClaim> claim) {
  if (!claim) {
    release(call);
    return call->item.hand_back(claim.error());
  }
  call->token = std::move(claim->token);
  call->failures = std::move(claim->failures);
  switch (claim->result) {
    case TakeResult::taken:
      return call->unclaimed ? conclude(call, *call->unclaimed) : invoke(call);
    case TakeResult::outcome_unknown: {
      Ending ending;
      ending.outcome = Outcome::outcome_unknown;
      ending.error =
          "outcome_unknown: the orchestrator stopped while the call ran; it may have been executed";
      return conclude(call, std::move(ending));
    }
    case TakeResult::running:
      release(call);
      return call->item.hand_back(kLookAgain);
    case TakeResult::done:
      release(call);
      return call->item.forward(end_messages_again(*core_, call->envelope, *claim, call->item.message()));
    case TakeResult::retry_scheduled: {
      release(call);
      const auto error = call->failures.empty() ? std::string{} : call->failures.back().error;
      std::vector<TopicMessage> messages;
      messages.push_back(retry_message(*call, error, claim->retry_at));
      return call->item.forward(std::move(messages));
    }
    case TakeResult::superseded:
    case TakeResult::cancelled:
      release(call);
      return call->item.acknowledge();
  }
}

void Coordinator::invoke(const CallPtr& call) {
  if (call->cancelled || stopping_) {
    call->abandoned = stopping_ && !call->cancelled;
    if (call->abandoned) return abandoned(call, false);
    Ending ending;
    ending.outcome = Outcome::cancelled;
    ending.error = "the job was cancelled";
    return conclude(call, std::move(ending));
  }
  call->began = hop_now();
  // Between match and call the tool may have changed.
  if (auto error = schema_error(*core_, call->signal); !error.empty()) {
    Ending ending;
    ending.outcome = Outcome::final;
    ending.error = std::move(error);
    return conclude(call, std::move(ending));
  }
  call->calling = true;
  mcp::CallOptions options;
  options.idempotency_key = call->signal.request_id;
  options.traceparent = call->envelope.traceparent;
  call->id =
      core_->registry.call(call->signal.server_id, call->signal.tool_id, call->signal.params,
                           std::move(options), [self = shared_from_this(), call](mcp::CallOutcome outcome) {
                             self->on_loop([self = self.get(), call, outcome = std::move(outcome)]() mutable {
                               self->returned(call, std::move(outcome));
                             });
                           });
}

void Coordinator::returned(const CallPtr& call, mcp::CallOutcome outcome) {
  call->calling = false;
  const bool answered = outcome.has_value();
  const bool executed = answered || outcome.error().kind != mcp::FailureClass::not_executed;
  if (call->abandoned && !answered) return abandoned(call, executed);
  conclude(call, ending_of(std::move(outcome), call->cancelled));
}

void Coordinator::abandoned(const CallPtr& call, bool executed) {
  release(call);
  // Its claim is another's: the signal comes again, until that one has ended it.
  if (!stopping_) return call->item.hand_back(kLookAgain);
  if (executed) return;
  // Nothing had left: the next start may simply call.
  core_->store->release_claim({.request_id = call->signal.request_id, .token = call->token},
                              [item = call->item](const Result<>&) {});
}

void Coordinator::conclude(const CallPtr& call, Ending ending) {
  if (core_->options.unsafe.claim_after_call && !call->unclaimed) {
    call->unclaimed = std::move(ending);
    return take(call);
  }
  count(*call, ending);
  switch (action_after(*core_, call->signal, ending.outcome)) {
    case Action::complete:
    case Action::fail:
      return finish(call, ending, false);
    case Action::fail_dead_letter:
      return finish(call, ending, true);
    case Action::retry:
      return retry(call, ending);
    case Action::hand_back:
      return hand_back(call, ending);
  }
}

void Coordinator::renew_leases() {
  std::vector<HeldClaim> held;
  for (const auto& [id, call] : calls_)
    if (!call->token.empty()) held.push_back({.request_id = id, .token = call->token});
  if (held.empty()) return;
  core_->store->renew_leases(std::move(held), core_->options.settings.lease,
                             [self = shared_from_this()](Result<std::vector<StoppedClaim>> stopped) {
                               if (!stopped || stopped->empty()) return;
                               self->on_loop([self = self.get(), stopped = *std::move(stopped)] {
                                 for (const auto& claim : stopped) self->claim_stopped(claim);
                               });
                             });
}

void Coordinator::claim_stopped(const StoppedClaim& stopped) {
  const auto& [request_id, token] = stopped.claim;
  const auto found = calls_.find(request_id);
  if (found == calls_.end() || found->second->token != token) return;
  auto& call = *found->second;
  if (stopped.cancelled && !call.cancelled) return do_cancel(request_id);
  if (stopped.cancelled || !call.calling) return;  // its end is being written just now
  log::warn("orchestrator", "the claim of {} was lost; its call is cancelled", request_id);
  call.abandoned = true;
  core_->registry.cancel(call.id);
}

void Coordinator::cancel(std::string request_id) {
  on_loop([this, request_id = std::move(request_id)] { do_cancel(request_id); });
}

void Coordinator::do_cancel(const std::string& request_id) {
  runner_->cancel(request_id);
  const auto found = calls_.find(request_id);
  if (found == calls_.end()) return;
  found->second->cancelled = true;
  if (found->second->calling) core_->registry.cancel(found->second->id);
}

void Coordinator::abandon_all() {
  runner_->abandon_all();
  for (const auto& [id, call] : calls_) {
    if (!call->calling) continue;
    call->abandoned = true;
    core_->registry.cancel(call->id);
  }
}

void Coordinator::stop(base::MonotonicTime grace, base::MonotonicTime deadline) {
  signals_->pause();
  plans_->pause();
  core_->loop.run([this] {
    stopping_ = true;
    without_room_.clear();
    runner_->halt();
    renewal_.reset();
    postponement_.reset();
    postponed_.clear();
  });
  plans_->drain(grace);
  signals_->drain(grace);
  core_->loop.run([this] { abandon_all(); });
  plans_->drain(deadline);
  signals_->drain(deadline);
  signals_->close();
  plans_->close();
}

void Coordinator::on_plan(const Item& item) {
  auto plan = parse_plan(item.message().body);
  if (!plan) return item.dead_letter(plan.error().message);
  if (!acceptable(item, item.envelope())) return;
  const auto envelope = envelope_for(item, plan->request_id);
  // A plan without a model names candidates; it is an answer and no order.
  if (core_->options.settings.execute_plans && plan->requires_orchestration.value_or(false))
    return runner_->run(item, *std::move(plan), envelope);
  answer_with(item, *plan, envelope);
}

void Coordinator::answer_with(const Item& item, const Plan& plan, const Envelope& envelope) {
  Execution execution;
  execution.request_id = plan.request_id;
  execution.step = "coordinator";
  execution.started_at = hop_now();
  TakeClaim take;
  take.request_id = plan.request_id;
  take.kind = ClaimKind::plan;
  take.generation = envelope.generation;
  take.owner = core_->owner;
  take.complete_with = to_json(plan_result(plan, core_->now()));
  core_->store->take_claim(std::move(take), [self = shared_from_this(), item, envelope,
                                             execution](Result<TakenClaim> claim) mutable {
    if (!claim) return item.hand_back(claim.error());
    if (claim->result != TakeResult::done) return item.acknowledge();  // a tool's claim won, or it is over
    self->core_->on_end(envelope.request_id, claim->result_json);
    execution.ended_at = hop_now();
    auto messages = end_messages_again(*self->core_, envelope, *claim, item.message());
    messages.push_back(self->core_->record(envelope, execution));
    item.forward(std::move(messages));
  });
}

}  // namespace geminga::orchestrator
