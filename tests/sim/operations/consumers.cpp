#include "operations.hpp"

namespace geminga::sim {

bool flow(World& world) {
  if (world.consumers.empty()) return false;
  LiveConsumer& consumer = world.random.pick(world.consumers).second;
  const auto more = static_cast<std::uint32_t>(world.random.between(1, 50));
  consumer.permits += more;
  consumer.handle->flow({.messages = more, .bytes = 0});
  return true;
}

bool stop_consumer(World& world) {
  if (world.consumers.empty()) return false;
  auto& [number, consumer] = world.random.pick(world.consumers);
  consumer.handle->stop(
      world.success("stop", [&world, number = number] { world.consumers.at(number).stopped = true; }));
  return true;
}

bool close_consumer(World& world) {
  if (world.consumers.empty()) return false;
  auto& [number, consumer] = world.random.pick(world.consumers);
  consumer.closing = true;
  consumer.handle->close(world.success("close", [&world, number = number] {
    const LiveConsumer& gone = world.consumers.at(number);
    Model::return_all(world.model.subscription(gone.topic, gone.subscription), number, true, world.now());
    world.consumers.erase(number);
  }));
  return true;
}

}  // namespace geminga::sim
