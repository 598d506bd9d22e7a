#include "operations.hpp"

namespace geminga::sim {
namespace {

void start_publish(World& world, Record record) {
  const std::uint64_t number = world.ask(std::move(record));
  world.broker().publish(world.publications(world.model.asked.at(number)),
                         world.answer<std::vector<MessageId>>(
                             [&world, number](Result<std::vector<MessageId>> ids) {
                               if (!ids) breach("publish failed: {}", ids.error().message);
                               world.model.done(number, *ids);
                             },
                             Mail::Lane::receipt));
}

}  // namespace

bool publish(World& world) {
  if (world.topics.empty()) return false;
  const std::string topic = world.random.pick(world.topics).first;
  Record record;
  for (std::uint64_t left = world.random.between(1, 4); left > 0; --left)
    record.publications.push_back({.topic = topic, .message = world.draw_message()});
  start_publish(world, std::move(record));
  return true;
}

bool publish_to_many(World& world) {
  if (world.topics.empty()) return false;
  Record record;
  for (std::uint64_t left = world.random.between(2, 5); left > 0; --left)
    record.publications.push_back(
        {.topic = world.random.pick(world.topics).first, .message = world.draw_message()});
  start_publish(world, std::move(record));
  return true;
}

}  // namespace geminga::sim
