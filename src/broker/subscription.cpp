#include "broker/subscription.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "broker/delay_choice.hpp"
#include "broker/subscription_consumer.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

/// After a seek.
constexpr std::chrono::seconds kComesAgainWithin{30};

DispatcherOptions dispatcher_options(Context& context, Topic& topic, SubscriptionType type) {
  return {.type = type,
          .unacked_max = context.options.unacked_per_subscription_max,
          .delay_budget = &context.delay_budget,
          .lose_delayed = context.options.unsafe.lose_delayed,
          .partition = topic.partition(),
          .rate = &topic.limits().dispatch_rate(),
          .state_budget = &context.state_budget};
}

}  // namespace

Subscription::Subscription(ContextPtr context, Topic& topic, storage::SubscriptionRow row,
                           storage::CursorState cursor, const SubscriptionCounters& counters, bool durable)
    : context_(std::move(context)),
      topic_(topic),
      row_(std::move(row)),
      counted_(counters),
      durable_(durable),
      dispatcher_(dispatcher_options(*context_, topic, row_.type), std::move(cursor),
                  [this](ConsumerNumber to, Delivered delivered) {
                    consumers_.at(to).outbox.push_back(std::move(delivered));
                  }) {
  // What was trimmed before its position can never be acknowledged: it would hold back all trimming.
  // Where there is a view, the first consumer says whether it will read that.
  dispatcher_.skip_to(topic_.first_of(true));
}

Subscription::~Subscription() = default;

// --- consumers
// -----------------------------------------------------------------------------------------------------

Result<> Subscription::check_attach(const SubscribeOptions& options) const {
  if (consumers_.empty()) return {};
  const KeyOwners& owners = dispatcher_.keys().owners();
  const bool other_kind = options.type == SubscriptionType::key_shared &&
                          options.hash_ranges.empty() != consumers_.begin()->second.hash_ranges.empty();
  if (options.type != row_.type || other_kind) {
    return fail(ErrorCode::subscription_type_mismatch,
                fmt::format("subscription '{}' of {} is in use with another type{}; use the same one, or "
                            "another name",
                            row_.name, topic_.name(),
                            options.type == row_.type ? " (some have hash ranges and some have not)" : ""));
  }
  if (options.read_compacted != (compacted_ != nullptr)) {
    return fail(
        ErrorCode::subscription_type_mismatch,
        fmt::format("subscription '{}' of {} is in use {} read_compacted; all its consumers do the same",
                    row_.name, topic_.name(), compacted_ ? "with" : "without"));
  }
  if (options.type == SubscriptionType::exclusive) {
    return fail(ErrorCode::consumer_busy,
                fmt::format("exclusive subscription '{}' of {} has a consumer; close that one, or use "
                            "failover, shared or key_shared",
                            row_.name, topic_.name()));
  }
  if (owners.holder_of_any(options.hash_ranges) != 0) {
    return fail(ErrorCode::consumer_busy,
                fmt::format("another consumer of subscription '{}' of {} holds some of these hash ranges",
                            row_.name, topic_.name()));
  }
  return {};
}

Result<ConsumerPtr> Subscription::attach(const SubscribeOptions& options,
                                         std::shared_ptr<DeliverySink> sink) {
  GEMINGA_TRY_VOID(check_attach(options));
  if (consumers_.empty()) adopt_type(options);
  going_.reset();
  const ConsumerNumber number = ++last_consumer_;
  consumers_.emplace(number, Connected{.sink = std::move(sink),
                                       .hash_ranges = options.hash_ranges,
                                       .outbox = {},
                                       .told_active = std::nullopt});
  const bool limited =
      options.type == SubscriptionType::shared || options.type == SubscriptionType::key_shared;
  dispatcher_.add_consumer(
      number,
      {.name = options.consumer_name.empty() ? fmt::format("consumer-{}", number) : options.consumer_name,
       .priority = options.priority,
       .messages = options.permits.messages,
       .bytes = static_cast<std::int64_t>(options.permits.bytes),
       .unacked_max = limited ? context_->options.unacked_per_consumer_max : 0,
       .ack_timeout = options.ack_timeout},
      context_->now(), options.hash_ranges);
  membership_changed_ = true;
  auto consumer =
      std::make_shared<SubscriptionConsumer>(topic_.shared_from_this(), shared_from_this(), number);
  // In a turn of its own: whoever subscribed shall have the consumer in hand before its first entry comes.
  topic_.core().loop.post([self = shared_from_this()] { self->pump(); });
  return consumer;
}

bool Subscription::holds_delayed(SubscriptionType type) const {
  return broker::holds_delayed(type, row_.properties, topic_.limits().delay_on_ordered());
}

void Subscription::adopt_type(const SubscribeOptions& options) {
  compacted_ = options.read_compacted ? std::make_shared<CompactedReads>(topic_) : nullptr;
  if (!compacted_) missing_.clear();  // for them it is there
  // It was to begin with the view, or began there: for who does not read that it is gone.
  if (!compacted_ && dispatcher_.cursor().next < topic_.first())
    skip_to(topic_.first(), Answer<void>([](const Result<>&) {}));
  dispatcher_.set_type(options.type, holds_delayed(options.type));
  if (row_.type == options.type) return;
  row_.type = options.type;
  if (!durable_) return;
  context_->metadata->set_subscription_type(
      row_.id, options.type, [name = row_.name](const Result<>& stored) {
        if (!stored)
          log::warn("broker", "the type of subscription '{}' could not be stored: {}", name,
                    stored.error().message);
      });
}

void Subscription::detach(ConsumerNumber consumer) {
  if (consumers_.erase(consumer) == 0) return;
  dispatcher_.remove_consumer(consumer, context_->now());
  membership_changed_ = true;
  pump();
  if (!durable_ && consumers_.empty()) go_when_unused();
}

/// A seek ends its consumers, and they come again.
void Subscription::go_when_unused() {
  if (!sought_) return topic_.remove_passing(*this);
  sought_ = false;
  going_ = std::make_unique<base::Timer>(topic_.core().loop);
  going_->set_after(kComesAgainWithin, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->topic_.remove_passing(*self);
  });
}

void Subscription::flow(ConsumerNumber consumer, Permits more) {
  dispatcher_.add_permits(consumer, more);
  pump();
}

/// Who was active hears first that it is so no more.
void Subscription::tell_who_is_active() {
  if (!std::exchange(membership_changed_, false) || row_.type != SubscriptionType::failover) return;
  for (const bool active : {false, true}) {
    for (auto& [number, consumer] : consumers_) {
      if ((number == dispatcher_.active()) != active || consumer.told_active == active) continue;
      consumer.told_active = active;
      consumer.sink->on_active_change(active);
    }
  }
}

/// When all of a terminated topic is acknowledged; what is held until its time is not.
void Subscription::tell_end_of_topic() {
  if (!topic_.terminated() || seeking_ > 0 || dispatcher_.cursor().next < topic_.end()) return;
  for (auto& [number, consumer] : consumers_) {
    if (!std::exchange(consumer.told_end, true)) consumer.sink->on_end_of_topic();
  }
}

// --- end
// -----------------------------------------------------------------------------------------------------------

void Subscription::shut_down(const Error& reason) {
  if (shut_down_) return;
  flush_acknowledgements();
  shut_down_ = true;
  timer_.reset();
  going_.reset();
  read_again_.reset();
  skips_.clear();
  end_consumers(reason);
}

void Subscription::end_consumers(const Error& reason) {
  for (auto& [number, consumer] : std::exchange(consumers_, {})) {
    dispatcher_.remove_consumer(number, context_->now());
    consumer.sink->on_closed(reason);
  }
}

std::string Subscription::dispatch_paused() const {
  if (const std::string_view reason = dispatcher_.paused(); !reason.empty()) return std::string(reason);
  return topic_.limits().dispatch_rate().open(context_->now().monotonic)
             ? ""
             : "the dispatch rate of the topic's policies";
}

bool Subscription::in_view() const {
  const View* view = topic_.compaction().view();
  const EntryId at = acknowledged_before();
  // Who does not read compacted is never left before the first that is kept.
  return view != nullptr && at < view->horizon && (compacted_ || at < topic_.first());
}

bool Subscription::quiet() const {
  return consumers_.empty() && moves_ == 0 && skips_.empty() && seeking_ == 0 && !reading_ && !read_again_ &&
         !flush_posted_ && !pump_posted_ && acknowledging_.answers.empty() &&
         dispatcher_.unacked_count() == 0 && dispatcher_.waiting_count() == 0 &&
         dispatcher_.delayed_count() == 0;
}

SubscriptionCounters Subscription::counters() const {
  return {.messages_out = counted_.messages_out + dispatcher_.messages_out(),
          .bytes_out = counted_.bytes_out + dispatcher_.bytes_out(),
          .redelivered = counted_.redelivered + dispatcher_.redelivered_count()};
}

SubscriptionStats Subscription::stats() const {
  const SubscriptionCounters counted = counters();
  SubscriptionStats stats{
      .name = row_.name,
      .type = row_.type,
      .properties = row_.properties,
      .durable = durable_,
      .backlog = dispatcher_.backlog(topic_.first_of(compacted_ != nullptr), topic_.end()),
      .unacked = dispatcher_.unacked_count(),
      .delayed = dispatcher_.delayed_count(),
      .messages_out = counted.messages_out,
      .bytes_out = counted.bytes_out,
      .redelivered = counted.redelivered,
      .consumers = static_cast<std::uint32_t>(consumers_.size()),
      .connected = {},
      .dispatch_paused = dispatch_paused()};
  for (const auto& [number, recipient] : dispatcher_.recipients().all()) {
    stats.connected.push_back({.name = recipient.name,
                               .priority = recipient.priority,
                               .active = dispatcher_.active() == 0 || dispatcher_.active() == number,
                               .permits = recipient.messages,
                               .unacked = recipient.unacked,
                               .blocked = recipient.blocked_on_unacked(),
                               .messages_out = recipient.messages_out,
                               .bytes_out = recipient.bytes_out,
                               .redelivered = recipient.redelivered,
                               .hash_ranges = consumers_.at(number).hash_ranges});
  }
  return stats;
}

void Subscription::add_to(BrokerStats& sums) const {
  sums.subscriptions += 1;
  sums.consumers += consumers_.size();
  sums.backlog += dispatcher_.backlog(topic_.first_of(compacted_ != nullptr), topic_.end());
  sums.unacked += dispatcher_.unacked_count();
  sums.delayed += dispatcher_.delayed_count();
  sums.acknowledged_ranges += dispatcher_.cursor().acknowledged.size();
  sums.paused += dispatcher_.paused().empty() ? 0 : 1;
}

}  // namespace geminga::broker
