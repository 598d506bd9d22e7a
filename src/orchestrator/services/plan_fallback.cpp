#include "orchestrator/services/plan_fallback.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "orchestrator/matching/plan.hpp"

namespace geminga::orchestrator {
namespace {

/// Most decisions are there by then, so that one look is enough.
constexpr std::chrono::milliseconds kFirstLook{20};

}  // namespace

PlanFallback::PlanFallback(std::shared_ptr<Core> core, std::shared_ptr<MatcherService> matcher,
                           std::shared_ptr<Planner> planner)
    : core_(std::move(core)),
      matcher_(std::move(matcher)),
      planner_(std::move(planner)),
      intake_(
          std::make_shared<Intakes>(core_, "plan-fallback", TopicRole::user_requests, kFallbackSubscription)),
      plans_(core_->metrics.counter("geminga_orchestrator_plans_total", "Plans of the fallback")) {}

Result<> PlanFallback::consume() {
  core_->loop.run([this] {
    if (!timer_) timer_ = std::make_unique<base::Timer>(core_->loop);
  });
  return intake_->open([weak = weak_from_this()](const Item& item) {
    if (const auto self = weak.lock()) self->work(item);
  });
}

void PlanFallback::stop() {
  core_->loop.run([this] { timer_.reset(); });
  const std::lock_guard lock(mutex_);
  arrived_.clear();
}

void PlanFallback::work(const Item& item) {
  auto request = core_->read_request(item.message());
  // The matcher reads the same topic and dead-letters what does not fit; once is enough.
  if (!request) return item.acknowledge();
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = arrived_.empty();
    arrived_.push_back({.item = item, .request = *std::move(request), .began = hop_now()});
  }
  if (!first) return;
  core_->loop.post([self = shared_from_this()] {
    if (self->timer_) self->timer_->set_after(kFirstLook, [self = self.get()] { self->look(); });
  });
}

void PlanFallback::look() {
  Batch batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(arrived_);
  }
  std::vector<std::string> ids;
  ids.reserve(batch.size());
  for (const auto& each : batch) ids.push_back(each.request.request_id);
  core_->store->find_decisions(std::move(ids), [self = shared_from_this(), batch = std::move(batch)](
                                                   const Result<std::vector<StoredDecision>>& found) {
    if (found) return self->looked(batch, *found);
    for (const auto& each : batch) {
      self->forget(each.request.request_id);
      each.item.hand_back(found.error());
    }
  });
}

void PlanFallback::looked(const Batch& batch, const std::vector<StoredDecision>& found) {
  std::map<std::string_view, const StoredDecision*> by_request;
  for (const auto& each : found) by_request.emplace(each.request_id, &each);
  for (const auto& each : batch) {
    const auto stored = by_request.find(each.request.request_id);
    if (stored == by_request.end())
      undecided(each.item, each.request, each.began);
    else
      decided(each, *stored->second);
  }
}

void PlanFallback::decided(const Arrived& arrived, const StoredDecision& stored) {
  forget(arrived.request.request_id);
  if (stored.matched) return arrived.item.acknowledge();
  const auto decision = parse_decision(stored.detail_json);
  if (!decision) return arrived.item.dead_letter(decision.error().message);
  make(arrived.item, arrived.request, arrived.began, *decision);
}

void PlanFallback::undecided(const Item& item, const UserRequest& request, HopTime began) {
  if (!window_over(request.request_id)) return item.hand_back(core_->options.plan_look_again);
  forget(request.request_id);
  Decision silence;
  silence.explanation =
      fmt::format("the matcher gave no decision within {} ms", core_->options.settings.plan_window.count());
  make(item, request, began, silence);
}

bool PlanFallback::window_over(const std::string& request_id) {
  const auto now = core_->clock.monotonic_now();
  const std::lock_guard lock(mutex_);
  const auto seen = first_seen_.emplace(request_id, now).first->second;
  return !frozen_ && now - seen >= core_->options.settings.plan_window;
}

void PlanFallback::forget(const std::string& request_id) {
  const std::lock_guard lock(mutex_);
  first_seen_.erase(request_id);
}

void PlanFallback::make(const Item& item, const UserRequest& request, HopTime began,
                        const Decision& decision) {
  if (!planner_)
    return publish(item, request, began, plan_without_model(request.request_id, decision, core_->now()));
  PlanQuestion question{
      .request_id = request.request_id,
      .sentence = request.normalized_query,
      .reason = decision.explanation,
      .tools = matcher_->matcher()->nearest(request.normalized_query, planner_->tools_max())};
  planner_->plan(std::move(question),
                 [self = shared_from_this(), item, request, began, decision](const Result<Plan>& plan) {
                   if (plan) return self->publish(item, request, began, *plan);
                   // Stopped: the request stays where it is and comes again.
                   if (plan.error().code == ErrorCode::closed) return;
                   log::warn("orchestrator", "the model made no plan: {}", plan.error().message);
                   auto why = decision;
                   why.explanation += "; the model made no plan: " + plan.error().message;
                   self->publish(item, request, began,
                                 plan_without_model(request.request_id, why, self->core_->now(),
                                                    self->planner_->description()));
                 });
}

void PlanFallback::publish(const Item& item, const UserRequest& request, HopTime began, const Plan& plan) {
  auto envelope = item.envelope();
  envelope.request_id = request.request_id;
  envelope.store_id = core_->store->id();
  Execution hop;
  hop.request_id = request.request_id;
  hop.step = "fallback";
  hop.started_at = began;
  hop.ended_at = hop_now();
  hop.outcome = Outcome::no_match;
  std::vector<TopicMessage> messages;
  messages.push_back(core_->message(TopicRole::plans, envelope, "PLAN_READY", to_json(plan)));
  messages.push_back(core_->record(envelope, hop));
  item.forward(std::move(messages), [self = shared_from_this()](bool done) {
    if (done) self->plans_.add();
  });
}

}  // namespace geminga::orchestrator
