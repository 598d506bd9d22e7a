#include "orchestrator/services/plan_fallback.hpp"

#include <algorithm>
#include <utility>

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

void PlanFallback::freeze() {
  frozen_ = true;
  core_->loop.post([self = shared_from_this()] {
    for (const auto& [number, arrived] : std::exchange(self->held_, {})) {
      self->silence_.forget(number);
      arrived.item.hand_back(self->core_->options.plan_look_again);
    }
  });
}

void PlanFallback::stop() {
  core_->loop.run([this] {
    timer_.reset();
    held_.clear();
  });
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
    self->first_look_ = self->core_->clock.monotonic_now() + kFirstLook;
    self->arm();
  });
}

void PlanFallback::arm() {
  if (!timer_ || looking_ || (!first_look_ && held_.empty())) return;
  auto when = first_look_.value_or(look_again_);
  if (!held_.empty()) when = std::min(when, look_again_);
  timer_->set(when, [this] { look(); });
}

void PlanFallback::look() {
  const auto now = core_->clock.monotonic_now();
  Numbers numbers;
  if (!held_.empty() && look_again_ <= now)
    for (const auto& [number, arrived] : held_) numbers.push_back(number);
  if (held_.empty() || look_again_ <= now) look_again_ = now + core_->options.plan_look_again;
  if (first_look_ && *first_look_ <= now) admit(now, numbers);
  if (numbers.empty()) return arm();
  ask(std::move(numbers));
}

void PlanFallback::admit(base::MonotonicTime now, Numbers& to_ask) {
  first_look_.reset();
  std::vector<Arrived> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(arrived_);
  }
  for (auto& each : batch) {
    silence_.begin(++arrivals_, now);
    held_.emplace(arrivals_, std::move(each));
    to_ask.push_back(arrivals_);
  }
}

void PlanFallback::ask(Numbers numbers) {
  std::vector<std::string> ids;
  ids.reserve(numbers.size());
  for (const auto number : numbers) ids.push_back(held_.at(number).request.request_id);
  looking_ = true;
  core_->store->find_decisions(std::move(ids), [self = shared_from_this(), numbers = std::move(numbers)](
                                                   Result<std::vector<StoredDecision>> found) mutable {
    self->core_->loop.post([self, numbers = std::move(numbers), found = std::move(found)] {
      self->looking_ = false;
      self->looked(numbers, found);
      self->arm();
    });
  });
}

PlanFallback::Arrived PlanFallback::take(std::uint64_t number) {
  silence_.forget(number);
  return std::move(held_.extract(number).mapped());
}

void PlanFallback::looked(const Numbers& asked, const Result<std::vector<StoredDecision>>& found) {
  std::map<std::string_view, const StoredDecision*> by_request;
  if (found)
    for (const auto& each : *found) by_request.emplace(each.request_id, &each);
  Numbers without;
  std::optional<std::uint64_t> first_decided;
  for (const auto number : asked) {
    const auto held = held_.find(number);
    if (held == held_.end()) continue;  // frozen or stopped meanwhile
    if (!found) {
      take(number).item.hand_back(found.error());
      continue;
    }
    const auto stored = by_request.find(held->second.request.request_id);
    if (stored == by_request.end()) {
      without.push_back(number);
      continue;
    }
    if (!first_decided) first_decided = number;
    decided(take(number), *stored->second);
  }
  if (first_decided) silence_.broken(*first_decided, core_->clock.monotonic_now());
  for (const auto number : without) undecided(number);
}

void PlanFallback::decided(const Arrived& arrived, const StoredDecision& stored) {
  if (stored.matched) return arrived.item.acknowledge();
  const auto decision = parse_decision(stored.detail_json);
  if (!decision) return arrived.item.dead_letter(decision.error().message);
  make(arrived.item, arrived.request, arrived.began, *decision);
}

void PlanFallback::undecided(std::uint64_t number) {
  if (frozen_) return take(number).item.hand_back(core_->options.plan_look_again);
  if (silence_.about(number, core_->clock.monotonic_now()) < core_->options.settings.plan_window) return;
  const auto arrived = take(number);
  Decision silence;
  silence.explanation =
      fmt::format("the matcher gave no decision within {} ms", core_->options.settings.plan_window.count());
  make(arrived.item, arrived.request, arrived.began, silence);
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
