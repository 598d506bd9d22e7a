#include "broker/topic_limits.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/policy_fields.hpp"
#include "broker/time_search.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

constexpr std::chrono::seconds kNoLimit{0};
constexpr Policies kNoPolicies{};

/// Producers hold the gate, but not the topic.
std::shared_ptr<PublishGate> gate_of(const Topic& topic) {
  Core& core = topic.core();
  return std::make_shared<PublishGate>(*topic.context()->options.clock, [&core, id = topic.id()] {
    core.loop.post([&core, id] {
      if (const auto found = core.topics.find(id); found != core.topics.end())
        found->second->limits().release_held();
    });
  });
}

std::chrono::seconds shorter(std::chrono::seconds one, std::chrono::seconds other) {
  if (one == kNoLimit || other == kNoLimit) return std::max(one, other);
  return std::min(one, other);
}

/// Something depends on the age or the size of what is not acknowledged.
bool may_expire(const Policies& in_force) {
  return in_force.message_ttl.value_or(kNoLimit) != kNoLimit ||
         in_force.backlog_age.value_or(kNoLimit) != kNoLimit || in_force.backlog_bytes.value_or(0) != 0;
}

}  // namespace

bool need_clock(const Policies& in_force, const UnusedTopic& topic) {
  // Who has subscriptions is used; a partition goes with the whole only.
  if (!topic.subscriptions && !topic.partition && !topic.keeps_for_ever)
    return in_force.inactive_after.value_or(kNoLimit) != kNoLimit;
  return topic.backlog && may_expire(in_force);
}

/// Only of topics that have policies.
struct TopicLimits::State {
  Policies own;
  Policies in_force;                            ///< with what the namespace says
  std::unique_ptr<base::Timer> dispatch_timer;  ///< set while dispatch waits for its rate
  std::unique_ptr<base::Timer> release_timer;   ///< set while sends wait for their rate
  std::size_t turn = 0;                         ///< whose it is to be sent to first
  /// The oldest message that is not acknowledged everywhere, as it was last looked at.
  std::optional<std::pair<EntryId, Timestamp>> oldest;
  bool reading_oldest = false;
  bool expiring = false;  ///< a search for what is too old is under way
  bool too_big = false;
  bool too_old = false;
  bool used = true;  ///< since it was last looked at
  base::MonotonicTime last_used{};

  [[nodiscard]] bool evicts() const {
    return in_force.backlog_action == BacklogAction::consumer_backlog_eviction;
  }
};

TopicLimits::TopicLimits(Topic& topic) : topic_(topic) {}
TopicLimits::~TopicLimits() = default;

const Policies& TopicLimits::own() const {
  return state_ ? state_->own : kNoPolicies;
}

const Policies& TopicLimits::in_force() const {
  return state_ ? state_->in_force : kNoPolicies;
}

const std::shared_ptr<PublishGate>& TopicLimits::gate() {
  if (!gate_) {
    gate_ = gate_of(topic_);
    made_gate_.store(gate_.get(), std::memory_order_release);
  }
  return gate_;
}

void TopicLimits::set(const Policies& own, const Policies& of_namespace) {
  if (!prepare(own, of_namespace)) return;
  for (const auto& [name, subscription] : topic_.subscriptions()) subscription->choose_delay();
  tick();
  topic_.pump_all();  // the rate that held it may be gone
}

bool TopicLimits::prepare(const Policies& own, const Policies& of_namespace) {
  const Policies both = base::merged(own, of_namespace);
  // Also where nothing is in force: the log knows what was, and a topic may have been unloaded meanwhile.
  topic_.context()->log->set_async(topic_.id(), both.durability.value_or(Durability{}).async_within);
  if (!state_ && both == kNoPolicies) return false;
  if (!state_) state_ = std::make_unique<State>();
  state_->own = own;
  state_->in_force = both;
  state_->used = true;
  const base::MonotonicTime now = topic_.context()->now().monotonic;
  gate()->set_rates(both.publish_messages_per_second.value_or(0), both.publish_bytes_per_second.value_or(0));
  gate()->set_deduplicates(both.deduplication.value_or(false));
  gate()->watch(both.inactive_after.value_or(kNoLimit) != kNoLimit);
  dispatch_.messages.set_rate(both.dispatch_messages_per_second.value_or(0), now);
  dispatch_.bytes.set_rate(both.dispatch_bytes_per_second.value_or(0), now);
  return true;
}

void TopicLimits::tick() {
  if (!state_ || !topic_.check_usable()) return;
  look_at_size();
  look_at_age();
  update_gate();
  topic_.compaction().look_at_size(in_force().compaction_threshold_bytes.value_or(0));
}

bool TopicLimits::needs_clock() const {
  if (!state_) return false;
  if (state_->reading_oldest || state_->expiring) return true;
  if (gate_->in_debt() || !dispatch_.open(topic_.context()->now().monotonic)) return true;
  return need_clock(in_force(), {.subscriptions = !topic_.subscriptions().empty(),
                                 .backlog = topic_.has_backlog(),
                                 .partition = topic_.partition() >= 0,
                                 .keeps_for_ever = !topic_.retention().time});
}

void TopicLimits::shut_down() {
  if (!state_) return;
  state_->dispatch_timer.reset();
  state_->release_timer.reset();
}

// --- backlog
// -------------------------------------------------------------------------------------------------------

/// Where the backlog begins of what the topic itself keeps; what a compacted view has is not of it.
EntryId TopicLimits::kept_backlog() const {
  return std::max(topic_.acknowledged_before(), topic_.first());
}

void TopicLimits::look_at_size() {
  const std::uint64_t bytes = in_force().backlog_bytes.value_or(0);
  state_->too_big = false;
  if (bytes == 0 || !topic_.has_backlog()) return;
  const EntryId within = topic_.context()->log->first_within(topic_.id(), bytes);
  if (within <= kept_backlog()) return;
  state_->too_big = !state_->evicts();
  if (!state_->evicts()) return;
  for (const auto& [name, subscription] : topic_.subscriptions()) skip(*subscription, within);
}

void TopicLimits::look_at_age() {
  const bool wanted = in_force().message_ttl.value_or(kNoLimit) != kNoLimit ||
                      in_force().backlog_age.value_or(kNoLimit) != kNoLimit;
  const EntryId entry = kept_backlog();
  if (!wanted || !topic_.has_backlog() || entry >= topic_.end()) {
    state_->too_old = false;
    return;
  }
  if (state_->oldest && state_->oldest->first == entry) return saw_oldest(state_->oldest->second);
  read_oldest(entry);
}

void TopicLimits::read_oldest(EntryId entry) {
  if (std::exchange(state_->reading_oldest, true)) return;
  auto seen = [this, topic = topic_.shared_from_this(),
               entry](const Result<std::vector<storage::Entry>>& entries) {
    state_->reading_oldest = false;
    if (!entries || entries->empty() || !topic->check_usable()) return;
    state_->oldest = {entry, entries->front().header.publish_time};
    saw_oldest(state_->oldest->second);
    update_gate();
  };
  topic_.context()->log->read(
      {.topic = topic_.id(), .from = entry, .entries_max = 1},
      [topic = topic_.shared_from_this(), seen](Result<std::vector<storage::Entry>> entries) {
        if (topic->core().loop.here()) return seen(entries);
        topic->core().loop.post([seen, entries = std::move(entries)] { seen(entries); });
      });
}

void TopicLimits::saw_oldest(Timestamp published) {
  topic_.say_when_ahead(published);
  const Timestamp now = topic_.context()->now().wall;
  const std::chrono::seconds age_max = in_force().backlog_age.value_or(kNoLimit);
  const std::chrono::seconds ttl = in_force().message_ttl.value_or(kNoLimit);
  const std::chrono::seconds kept = state_->evicts() ? shorter(ttl, age_max) : ttl;
  state_->too_old = !state_->evicts() && age_max != kNoLimit && now - published > age_max;
  const auto in_view = [](const auto& each) { return each.second->in_view(); };
  if (kept == kNoLimit || now - published <= kept || std::ranges::all_of(topic_.subscriptions(), in_view))
    return;
  if (std::exchange(state_->expiring, true)) return;
  find_by_time(topic_.shared_from_this(), kept_backlog(), topic_.end(), now - kept,
               [this, topic = topic_.shared_from_this()](Result<EntryId> before) {
                 state_->expiring = false;
                 if (before && topic->check_usable()) expire_before(*before);
               });
}

/// By age. A view says how things are, however old that is: who still reads it loses nothing.
void TopicLimits::expire_before(EntryId before) {
  for (const auto& [name, subscription] : topic_.subscriptions()) {
    if (!subscription->in_view()) skip(*subscription, before);
  }
}

void TopicLimits::skip(Subscription& subscription, EntryId before) {
  if (subscription.acknowledged_before() >= before) return;
  subscription.skip_to(
      before, Answer<void>([topic = topic_.name(), name = subscription.row().name](const Result<>& done) {
        if (!done)
          log::warn("broker", "the backlog of subscription '{}' of {} stays: {}", name, topic,
                    done.error().message);
      }));
}

void TopicLimits::update_gate() {
  if (state_->too_big || state_->too_old) {
    gate_->set_quota_exceeded(
        in_force().backlog_action.value_or(BacklogAction::producer_request_hold),
        state_->too_big ? fmt::format("the backlog of {} is over its quota of {} bytes", topic_.name(),
                                      in_force().backlog_bytes.value_or(0))
                        : fmt::format("the backlog of {} is older than its quota of {} s", topic_.name(),
                                      in_force().backlog_age.value_or(kNoLimit).count()));
  } else {
    gate_->set_quota_exceeded(std::nullopt, "");
  }
  release_held();
}

// --- rates
// ---------------------------------------------------------------------------------------------------------

void TopicLimits::release_held() {
  if (!topic_.check_usable() || topic_.producers().release_held()) return;
  const auto wait = gate_->wait();
  if (!wait) return;  // tick() sees when the backlog is smaller
  if (!state_->release_timer) state_->release_timer = std::make_unique<base::Timer>(topic_.core().loop);
  state_->release_timer->set_after(*wait, [weak = topic_.weak_from_this()] {
    if (const auto topic = weak.lock()) topic->limits().release_held();
  });
}

std::size_t TopicLimits::dispatch_turn() const {
  return state_ ? state_->turn : 0;
}

void TopicLimits::set_dispatch_turn(std::size_t turn) {
  if (state_) state_->turn = turn;
}

void TopicLimits::wait_for_dispatch(base::MonotonicTime now) {
  if (dispatch_.open(now) || !topic_.check_usable()) return;
  if (!state_->dispatch_timer) state_->dispatch_timer = std::make_unique<base::Timer>(topic_.core().loop);
  state_->dispatch_timer->set_after(dispatch_.wait(now), [weak = topic_.weak_from_this()] {
    if (const auto topic = weak.lock()) topic->pump_all();
  });
}

// --- numbers
// -------------------------------------------------------------------------------------------------------

Result<> TopicLimits::check_producers() const {
  const std::uint32_t most = in_force().max_producers.value_or(0);
  if (most == 0 || topic_.producers().count() < most) return {};
  return fail(ErrorCode::producer_busy, fmt::format("{} has {} producers, its policy max_producers allows {}",
                                                    topic_.name(), topic_.producers().count(), most));
}

Result<> TopicLimits::check_consumers() const {
  const std::uint32_t most = in_force().max_consumers.value_or(0);
  if (most == 0 || topic_.consumer_count() < most) return {};
  return fail(ErrorCode::consumer_busy, fmt::format("{} has {} consumers, its policy max_consumers allows {}",
                                                    topic_.name(), topic_.consumer_count(), most));
}

Result<> TopicLimits::check_subscriptions() const {
  const std::uint32_t most = in_force().max_subscriptions.value_or(0);
  if (most == 0 || topic_.subscription_count() < most) return {};
  return fail(ErrorCode::conflict,
              fmt::format("{} has {} subscriptions, its policy max_subscriptions allows {}", topic_.name(),
                          topic_.subscription_count(), most));
}

// --- inactivity
// ----------------------------------------------------------------------------------------------------

void TopicLimits::note_used() {
  if (state_) state_->used = true;
}

bool TopicLimits::inactive() {
  const std::chrono::seconds after = in_force().inactive_after.value_or(kNoLimit);
  if (after == kNoLimit) return false;
  const base::MonotonicTime now = topic_.context()->now().monotonic;
  const bool used = std::exchange(state_->used, false);
  if (gate_->take_used() || used || topic_.in_use()) state_->last_used = now;
  // What retention keeps is wanted.
  const auto& retained = topic_.retention().time;
  return retained && now - state_->last_used >= std::max(after, *retained);
}

}  // namespace geminga::broker
