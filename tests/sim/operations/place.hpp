#pragma once

#include <optional>
#include <string>

#include "world.hpp"

namespace geminga::sim {

/// A subscription by its name.
struct Place {
  std::string topic;
  std::string subscription;
};

/// A subscription that is there.
inline std::optional<Place> draw_subscription(World& world) {
  if (world.topics.empty()) return std::nullopt;
  const std::string topic = world.random.pick(world.topics).first;
  auto& all = world.model.topic(topic).subscriptions;
  if (all.empty()) return std::nullopt;
  return Place{.topic = topic, .subscription = world.random.pick(all).first};
}

}  // namespace geminga::sim
