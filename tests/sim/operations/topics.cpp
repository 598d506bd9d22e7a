#include <algorithm>

#include "operations.hpp"

namespace geminga::sim {
namespace {

constexpr std::uint64_t kTopics = 6;

}  // namespace

bool create_topic(World& world) {
  const std::string name = fmt::format("persistent://public/default/t{}", world.random.below(kTopics));
  if (world.model.topics.contains(name)) {
    world.broker().create_topic(name, world.answer<void>([name](const Result<>& result) {
      if (result || result.error().code != ErrorCode::already_exists)
        breach("{} could be created twice", name);
    }));
    return true;
  }
  world.model.topics[name].doubtful = true;
  world.broker().open_topic(name, true,
                            world.success<broker::TopicPtr>("open_topic", [&world, name](auto opened) {
                              world.model.topics[name].doubtful = false;
                              world.topics[name] = std::move(opened);
                            }));
  return true;
}

bool delete_topic(World& world) {
  if (world.topics.empty()) return false;
  const std::string name = world.random.pick(world.topics).first;
  const bool force = world.random.chance(70);
  const auto hangs_on_it = [&](const auto& each) { return each.second.topic == name; };
  const bool in_use = std::ranges::any_of(world.consumers, hangs_on_it) ||
                      std::ranges::any_of(world.readers, hangs_on_it) ||
                      !world.connected_producers(name).empty();
  world.model.topic(name).doubtful = true;
  world.broker().delete_topic(
      name, force, world.answer<void>([&world, name, refused = in_use && !force](const Result<>& result) {
        if (refused) {
          world.model.topic(name).doubtful = false;
          if (result || result.error().code != ErrorCode::conflict)
            breach("{} is in use and could be deleted", name);
          return;
        }
        if (!result) breach("delete_topic failed: {}", result.error().message);
        world.forget_topic(name);
      }));
  return true;
}

bool set_retention(World& world) {
  if (world.topics.empty()) return false;
  auto& [name, handle] = world.random.pick(world.topics);
  RetentionPolicy policy;
  switch (world.random.below(4)) {
    case 0:
      break;
    case 1:
      policy = {.time = std::nullopt, .bytes = std::nullopt};
      break;
    case 2:
      policy = {.time = std::chrono::seconds(world.random.between(1, 60)), .bytes = std::nullopt};
      break;
    default:
      policy = {.time = std::nullopt, .bytes = world.random.between(1, 20'000)};
  }
  world.model.topic(name).retention_doubt = policy;
  world.broker().set_retention(handle, policy, world.success("set_retention", [&world, name = name, policy] {
    world.model.topic(name).retention = policy;
    world.model.topic(name).retention_doubt.reset();
  }));
  return true;
}

namespace {

/// It may need to read when the messages were published: asked again until it has come where it must.
void watch_trim(World& world, const std::string& name, base::MonotonicTime deadline) {
  world.broker().stats(
      world.topics.at(name),
      world.success<TopicStats>("stats", [&world, name, deadline](const TopicStats& stats) {
        Topic& topic = world.model.topic(name);
        const std::uint64_t first = topic.end - stats.stored_messages;
        if (first < topic.first || first > topic.trimmable)
          breach("{}: trimmed to {}, {} to {} is allowed", name, first, topic.first, topic.trimmable);
        const auto expected = Model::first_after_trim(topic, world.now());
        if (!expected || first == *expected) {
          topic.first = first;
          return;
        }
        if (std::chrono::steady_clock::now() > deadline)
          breach("{}: trimmed to {}, it could be forgotten up to {}", name, first, *expected);
        watch_trim(world, name, deadline);
      }));
}

}  // namespace

bool trim(World& world) {
  if (world.topics.empty()) return false;
  auto& [name, handle] = world.random.pick(world.topics);
  Topic& topic = world.model.topic(name);
  if (topic.retention_doubt) return false;  // until it is set again nobody knows what to expect
  Model::note_trimmable(topic, world.now());
  world.broker().trim(handle, world.success("trim", [&world, name = name] {
    watch_trim(world, name, std::chrono::steady_clock::now() + std::chrono::seconds(10));
  }));
  return true;
}

}  // namespace geminga::sim
