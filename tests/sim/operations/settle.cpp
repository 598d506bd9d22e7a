#include "operations.hpp"

namespace geminga::sim {
namespace {

struct Held {
  ConsumerNumber consumer = 0;
  LiveConsumer* with = nullptr;
  std::vector<std::uint64_t> entries;
};

/// Some entries that are out with one consumer and not being settled.
std::optional<Held> draw_held(World& world, std::uint64_t most) {
  if (world.consumers.empty()) return std::nullopt;
  auto& [number, consumer] = world.random.pick(world.consumers);
  Held held{.consumer = number, .with = &consumer, .entries = {}};
  for (const auto& [entry, out] : world.model.subscription(consumer.topic, consumer.subscription).out) {
    if (out.consumer == number && !consumer.settling.contains(entry)) held.entries.push_back(entry);
  }
  if (held.entries.empty()) return std::nullopt;
  // A run from anywhere, or single ones with gaps between them.
  const bool run = world.random.chance(50);
  const std::uint64_t count = std::min<std::uint64_t>(world.random.between(1, most), held.entries.size());
  std::vector<std::uint64_t> chosen;
  if (run) {
    const auto from = static_cast<std::ptrdiff_t>(world.random.below(held.entries.size() - count + 1));
    chosen.assign(held.entries.begin() + from,
                  held.entries.begin() + from + static_cast<std::ptrdiff_t>(count));
  } else {
    while (chosen.size() < count) {
      const auto at =
          held.entries.begin() + static_cast<std::ptrdiff_t>(world.random.below(held.entries.size()));
      chosen.push_back(*at);
      held.entries.erase(at);
    }
  }
  held.entries = std::move(chosen);
  return held;
}

std::vector<EntryId> ids_of(const std::vector<std::uint64_t>& entries) {
  std::vector<EntryId> ids;
  for (const std::uint64_t entry : entries) ids.push_back(EntryId{entry});
  return ids;
}

Record::Acknowledgement acknowledgement_of(const Held& held) {
  return {.topic = held.with->topic, .subscription = held.with->subscription, .entries = held.entries};
}

void settled(World& world, const Held& held) {
  for (const std::uint64_t entry : held.entries) world.consumers.at(held.consumer).settling.erase(entry);
}

}  // namespace

bool acknowledge(World& world) {
  const auto held = draw_held(world, 20);
  if (!held) return false;
  held->with->settling.insert(held->entries.begin(), held->entries.end());
  const std::uint64_t number = world.ask({.publications = {}, .acknowledged = acknowledgement_of(*held)});
  held->with->handle->acknowledge({.entries = ids_of(held->entries), .batches = {}, .up_to = {}},
                                  world.success("acknowledge", [&world, number, held = *held] {
                                    settled(world, held);
                                    world.model.done(number, {});
                                  }));
  return true;
}

bool acknowledge_what_is_not_out(World& world) {
  if (world.consumers.empty()) return false;
  auto& [number, consumer] = world.random.pick(world.consumers);
  const std::uint64_t entry = world.random.below(world.model.topic(consumer.topic).end + 1);
  const auto& out = world.model.subscription(consumer.topic, consumer.subscription).out;
  if (const auto at = out.find(entry); at != out.end() && at->second.consumer == number) return false;
  consumer.handle->acknowledge({.entries = {EntryId{entry}}, .batches = {}, .up_to = {}},
                               world.answer<void>([entry](const Result<>& result) {
                                 if (result || result.error().code != ErrorCode::conflict)
                                   breach("{} is not out with that consumer and could be acknowledged",
                                          entry);
                               }));
  return true;
}

bool give_back(World& world) {
  const auto held = draw_held(world, 10);
  if (!held) return false;
  const std::chrono::milliseconds delay(world.random.chance(50) ? 0 : world.random.between(1, 20'000));
  const bool counts = world.random.chance(70);
  Subscription& subscription = world.model.subscription(held->with->topic, held->with->subscription);
  for (const std::uint64_t entry : held->entries)
    Model::returned(subscription, entry, world.now().monotonic + delay, counts);
  held->with->handle->redeliver(ids_of(held->entries), delay, counts);
  return true;
}

bool forward(World& world) {
  auto held = draw_held(world, 1);
  if (!held) return false;
  held->with->settling.insert(held->entries.begin(), held->entries.end());
  Record record{.publications = {}, .acknowledged = acknowledgement_of(*held)};
  for (std::uint64_t left = world.random.between(1, 3); left > 0; --left)
    record.publications.push_back(
        {.topic = world.random.pick(world.topics).first, .message = world.draw_message()});
  const std::uint64_t number = world.ask(std::move(record));
  std::vector<broker::Publication> publications;
  for (const auto& each : world.model.asked.at(number).publications)
    publications.push_back(world.publication(each));
  held->with->handle->forward(EntryId{held->entries.front()}, std::move(publications),
                              world.answer<std::vector<MessageId>>(
                                  [&world, number, held = *held](Result<std::vector<MessageId>> ids) {
                                    if (!ids) breach("forward failed: {}", ids.error().message);
                                    settled(world, held);
                                    world.model.done(number, *ids);
                                  },
                                  Mail::Lane::receipt));
  return true;
}

}  // namespace geminga::sim
