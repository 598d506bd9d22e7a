#include "operations.hpp"
#include "operations/place.hpp"

namespace geminga::sim {
namespace {

/// The first `count` open entries end before this one.
std::uint64_t behind_open(const Subscription& at, std::uint64_t count) {
  for (const std::uint64_t entry : at.open) {
    if (count-- == 0) return entry;
  }
  return at.open.empty() ? 0 : *at.open.rbegin() + 1;
}

/// Notes where the skip leads; the callback of the call.
broker::Done<void> skips_to(World& world, const Place& place, std::uint64_t next) {
  Subscription& at = world.model.subscription(place.topic, place.subscription);
  at.moved_doubt = static_cast<const Position&>(at);
  at.moved_doubt->skip_to(next);
  return world.success("a skip", [&at, next] {
    at.moved_doubt.reset();
    at.skipped_to(next);
  });
}

SeekTarget draw_target(World& world, const Topic& topic) {
  switch (world.random.below(4)) {
    case 0:
      return InitialPosition::earliest;
    case 1:
      return InitialPosition::latest;
    case 2:
      return Timestamp{world.now().wall - std::chrono::milliseconds(world.random.below(60'000))};
    default:
      return MessageId{.ledger = topic.ledger.value_or(LedgerId{0}),
                       .entry = EntryId{world.random.below(topic.end + 2)}};
  }
}

std::uint64_t entry_of(const Topic& topic, const SeekTarget& target) {
  if (const auto* position = std::get_if<InitialPosition>(&target))
    return *position == InitialPosition::earliest ? topic.first : topic.end;
  if (const auto* time = std::get_if<Timestamp>(&target)) return topic.entry_since(*time);
  return std::get<MessageId>(target).entry.value;
}

}  // namespace

bool skip_all(World& world) {
  const auto place = draw_subscription(world);
  if (!place) return false;
  world.broker().skip_all(world.topics.at(place->topic), place->subscription,
                          skips_to(world, *place, world.model.topic(place->topic).end));
  return true;
}

bool skip(World& world) {
  const auto place = draw_subscription(world);
  if (!place) return false;
  const std::uint64_t count = world.random.below(20);
  const std::uint64_t next = behind_open(world.model.subscription(place->topic, place->subscription), count);
  world.broker().skip(world.topics.at(place->topic), place->subscription, count,
                      skips_to(world, *place, next));
  return true;
}

bool expire(World& world) {
  const auto place = draw_subscription(world);
  if (!place) return false;
  const Timestamp before = world.now().wall - std::chrono::milliseconds(world.random.below(60'000));
  const std::uint64_t next = world.model.topic(place->topic).entry_since(before);
  world.broker().expire(world.topics.at(place->topic), place->subscription, before,
                        skips_to(world, *place, next));
  return true;
}

bool seek(World& world) {
  const auto place = draw_subscription(world);
  if (!place) return false;
  const Topic& topic = world.model.topic(place->topic);
  Subscription& at = world.model.subscription(place->topic, place->subscription);
  const SeekTarget target = draw_target(world, topic);
  const auto consumers = world.consumers_of(place->topic, place->subscription);
  at.moved_doubt = topic.position_at(entry_of(topic, target));
  auto done = world.success("seek", [&world, &at, consumers] {
    for (const ConsumerNumber number : consumers) {
      if (!std::exchange(world.consumers.at(number).sought, false))
        breach("consumer {} was not told of a seek", number);
    }
    at.moved_to(*std::exchange(at.moved_doubt, std::nullopt));
  });
  if (!consumers.empty() && world.random.chance(50)) {
    world.consumers.at(consumers.front()).handle->seek(target, std::move(done));
  } else {
    world.broker().seek(world.topics.at(place->topic), place->subscription, target, std::move(done));
  }
  return true;
}

}  // namespace geminga::sim
