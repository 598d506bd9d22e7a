#include "operations.hpp"

namespace geminga::sim {

bool open_reader(World& world) {
  if (world.topics.empty() || world.readers.size() >= 4) return false;
  auto& [name, handle] = world.random.pick(world.topics);
  const Topic& topic = world.model.topic(name);
  broker::ReaderStart start;
  std::uint64_t next = topic.end;
  switch (world.random.below(3)) {
    case 0:
      start.position = InitialPosition::latest;
      break;
    case 1:
      start.position = InitialPosition::earliest;
      next = 0;
      break;
    default:
      if (topic.end == 0) return false;
      next = world.random.below(topic.end);
      start.inclusive = world.random.chance(50);
      start.position = MessageId{.ledger = *topic.ledger, .entry = EntryId{next}};
      if (!start.inclusive) next += 1;
  }
  const std::uint64_t number = world.next_number();
  // Before the answer: it may read before we hear of it.
  world.readers[number] = {.topic = name, .next = next, .handle = nullptr};
  world.broker().create_reader(
      handle, start, {.messages = 1'000'000, .bytes = 1ULL << 40}, world.reader_sink(number),
      world.success<broker::ReaderPtr>("create_reader", [&world, number](auto reader) {
        world.readers.at(number).handle = std::move(reader);
      }));
  return true;
}

bool close_reader(World& world) {
  if (world.readers.empty()) return false;
  auto& [number, reader] = world.random.pick(world.readers);
  reader.handle->close(world.success("close", [&world, number = number] { world.readers.erase(number); }));
  return true;
}

}  // namespace geminga::sim
