#include "broker/delay_choice.hpp"
#include "operations.hpp"
#include "operations/place.hpp"

namespace geminga::sim {
namespace {

constexpr std::uint64_t kSubscriptions = 4;

bool has_consumers(const World& world, const Place& place) {
  return !world.consumers_of(place.topic, place.subscription).empty();
}

/// A new one begins behind everything or at the oldest entry that is kept.
void begin_at(World& world, const Place& place, InitialPosition position) {
  Topic& topic = world.model.topic(place.topic);
  Subscription& subscription = topic.subscriptions.at(place.subscription);
  subscription.doubtful = false;
  if (position == InitialPosition::earliest) subscription.open = topic.position_at(topic.first).open;
}

SubscriptionType draw_type(World& world) {
  constexpr SubscriptionType kTypes[] = {SubscriptionType::exclusive, SubscriptionType::shared,
                                         SubscriptionType::key_shared, SubscriptionType::failover};
  return kTypes[world.random.below(std::size(kTypes))];
}

InitialPosition draw_position(World& world) {
  return world.random.chance(70) ? InitialPosition::earliest : InitialPosition::latest;
}

/// By its name: so it is known of those too whose creation is in doubt.
bool holds_by_itself(const std::string& subscription) {
  return subscription == "s0" || subscription == "s1";
}

Properties properties_of(const std::string& subscription) {
  if (!holds_by_itself(subscription)) return {};
  return {{broker::kDelayProperty, broker::kHold}};
}

void connected(World& world, const Place& place, ConsumerNumber number,
               const broker::SubscribeOptions& options, broker::ConsumerPtr handle) {
  Subscription& subscription = world.model.subscription(place.topic, place.subscription);
  if (!has_consumers(world, place)) {
    subscription.type = options.type;
    subscription.hold_delayed = !subscription.one_active() || holds_by_itself(place.subscription);
    subscription.unordered |= options.type == SubscriptionType::key_shared;
  }
  const ConsumerNumber before = world.active(place.topic, place.subscription);
  world.consumers[number] = {.topic = place.topic,
                             .subscription = place.subscription,
                             .handle = std::move(handle),
                             .permits = options.permits.messages,
                             .priority = options.priority};
  // A new active one begins with what the old one had not settled, uncounted.
  if (subscription.one_active() && before != 0 && world.active(place.topic, place.subscription) != before)
    Model::return_all(subscription, before, false, world.now());
}

/// What attach must refuse; nothing: it must succeed.
std::optional<ErrorCode> refusal(const World& world, const Place& place, SubscriptionType type) {
  if (!has_consumers(world, place)) return std::nullopt;
  if (world.model.topics.at(place.topic).subscriptions.at(place.subscription).type != type)
    return ErrorCode::subscription_type_mismatch;
  if (type == SubscriptionType::exclusive) return ErrorCode::consumer_busy;
  return std::nullopt;
}

}  // namespace

bool subscribe(World& world) {
  if (world.topics.empty()) return false;
  const std::string topic = world.random.pick(world.topics).first;
  const Place place{.topic = topic, .subscription = fmt::format("s{}", world.random.below(kSubscriptions))};
  auto& all = world.model.topic(topic).subscriptions;
  const ConsumerNumber number = world.next_number();
  broker::SubscribeOptions options{.subscription = place.subscription,
                                   .type = draw_type(world),
                                   .initial_position = draw_position(world),
                                   .consumer_name = fmt::format("c{}", number),
                                   .permits = {.messages = static_cast<std::uint32_t>(
                                                   world.random.chance(50) ? 1'000 : world.random.below(8)),
                                               .bytes = 1ULL << 40},
                                   .properties = properties_of(place.subscription)};
  const bool fresh = !all.contains(place.subscription);
  // Mostly with the type that stands, so that many consumers meet on one subscription.
  if (!fresh && world.random.chance(70)) options.type = all.at(place.subscription).type;
  if (options.type == SubscriptionType::failover)
    options.priority = static_cast<std::uint32_t>(world.random.below(3));
  const auto refused = fresh ? std::nullopt : refusal(world, place, options.type);
  if (fresh) all[place.subscription].doubtful = true;
  world.broker().subscribe(
      world.topics.at(topic), options, world.consumer_sink(number),
      world.answer<broker::ConsumerPtr>([&world, place, number, options, fresh, refused](auto consumer) {
        if (refused) {
          if (consumer || consumer.error().code != *refused)
            breach("{} {}: a consumer that had to be refused was not", place.topic, place.subscription);
          return;
        }
        if (!consumer) breach("subscribe failed: {}", consumer.error().message);
        connected(world, place, number, options, std::move(*consumer));
        if (fresh) begin_at(world, place, options.initial_position);
      }));
  return true;
}

bool create_subscription(World& world) {
  if (world.topics.empty()) return false;
  auto& [topic, handle] = world.random.pick(world.topics);
  const Place place{.topic = topic, .subscription = fmt::format("s{}", world.random.below(kSubscriptions))};
  auto& all = world.model.topic(topic).subscriptions;
  const bool fresh = !all.contains(place.subscription);
  if (fresh) all[place.subscription].doubtful = true;
  const InitialPosition position = draw_position(world);
  world.broker().create_subscription(
      handle, place.subscription, position, properties_of(place.subscription),
      world.answer<void>([&world, place, position, fresh](const Result<>& result) {
        if (!fresh) {
          if (result || result.error().code != ErrorCode::already_exists)
            breach("{} {} could be created twice", place.topic, place.subscription);
          return;
        }
        if (!result) breach("create_subscription failed: {}", result.error().message);
        begin_at(world, place, position);
      }));
  return true;
}

bool delete_subscription(World& world) {
  const auto place = draw_subscription(world);
  if (!place) return false;
  world.model.subscription(place->topic, place->subscription).doubtful = true;
  world.broker().delete_subscription(
      world.topics.at(place->topic), place->subscription,
      world.answer<void>(
          [&world, place = *place, refused = has_consumers(world, *place)](const Result<>& result) {
            if (refused) {
              world.model.subscription(place.topic, place.subscription).doubtful = false;
              if (result || result.error().code != ErrorCode::conflict)
                breach("{} {} is in use and could be removed", place.topic, place.subscription);
              return;
            }
            if (!result) breach("delete_subscription failed: {}", result.error().message);
            world.model.topic(place.topic).subscriptions.erase(place.subscription);
          }));
  return true;
}

bool unsubscribe(World& world) {
  if (world.consumers.empty()) return false;
  auto& [number, consumer] = world.random.pick(world.consumers);
  const Place place{.topic = consumer.topic, .subscription = consumer.subscription};
  const std::size_t peers = world.consumers_of(place.topic, place.subscription).size();
  world.model.subscription(place.topic, place.subscription).doubtful = true;
  consumer.handle->unsubscribe(
      world.answer<void>([&world, place, refused = peers > 1](const Result<>& result) {
        if (refused) {
          world.model.subscription(place.topic, place.subscription).doubtful = false;
          if (result || result.error().code != ErrorCode::conflict)
            breach("{} {} has other consumers and could be removed", place.topic, place.subscription);
          return;
        }
        if (!result) breach("unsubscribe failed: {}", result.error().message);
        world.forget_consumers_of(place.topic, place.subscription);
        world.model.topic(place.topic).subscriptions.erase(place.subscription);
      }));
  return true;
}

}  // namespace geminga::sim
