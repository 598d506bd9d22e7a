#include <algorithm>

#include "operations.hpp"

namespace geminga::sim {
namespace {

struct Held {
  ConsumerNumber consumer = 0;
  LiveConsumer* with = nullptr;
  Subscription* subscription = nullptr;
  std::vector<std::uint64_t> entries;
};

/// All entries that are out with one consumer and not being settled (`partly`: not as a whole).
std::optional<Held> draw_consumer(World& world, bool partly = false) {
  if (world.consumers.empty()) return std::nullopt;
  auto& [number, consumer] = world.random.pick(world.consumers);
  Subscription& subscription = world.model.subscription(consumer.topic, consumer.subscription);
  Held held{.consumer = number, .with = &consumer, .subscription = &subscription, .entries = {}};
  for (const auto& [entry, out] : subscription.out) {
    const bool settles =
        partly ? subscription.settling.contains(entry) && !subscription.settling_partly.contains(entry)
               : subscription.settling.contains(entry);
    if (out.consumer == number && !settles) held.entries.push_back(entry);
  }
  if (held.entries.empty()) return std::nullopt;
  return held;
}

/// Some of them: a run from anywhere, or single ones with gaps between them.
std::optional<Held> draw_held(World& world, std::uint64_t most) {
  auto held = draw_consumer(world);
  if (!held) return std::nullopt;
  const bool run = world.random.chance(50);
  const std::uint64_t count = std::min<std::uint64_t>(world.random.between(1, most), held->entries.size());
  std::vector<std::uint64_t> chosen;
  if (run) {
    const auto from = static_cast<std::ptrdiff_t>(world.random.below(held->entries.size() - count + 1));
    chosen.assign(held->entries.begin() + from,
                  held->entries.begin() + from + static_cast<std::ptrdiff_t>(count));
  } else {
    while (chosen.size() < count) {
      const auto at =
          held->entries.begin() + static_cast<std::ptrdiff_t>(world.random.below(held->entries.size()));
      chosen.push_back(*at);
      held->entries.erase(at);
    }
  }
  held->entries = std::move(chosen);
  return held;
}

std::vector<EntryId> ids_of(const std::vector<std::uint64_t>& entries) {
  std::vector<EntryId> ids;
  for (const std::uint64_t entry : entries) ids.push_back(EntryId{entry});
  return ids;
}

Record::Acknowledgement acknowledgement_of(const Held& held) {
  return {.topic = held.with->topic,
          .subscription = held.with->subscription,
          .entries = held.entries,
          .partly = {}};
}

/// Batches are settled in part too, until nothing is left of them.
void draw_parts(World& world, const Held& held, Record::Acknowledgement& what) {
  const Topic& topic = world.model.topic(what.topic);
  std::erase_if(what.entries, [&](std::uint64_t entry) {
    const std::uint32_t count = topic.messages.at(entry).count;
    if (count == 1 || !held.subscription->open.contains(entry) || world.random.chance(30)) return false;
    Places& places = what.partly[entry];
    const std::uint64_t most = world.random.between(1, count);
    while (places.size() < most) places.insert(static_cast<std::uint32_t>(world.random.below(count)));
    Places all = places;
    if (const auto known = held.subscription->partly.find(entry); known != held.subscription->partly.end())
      all.insert(known->second.begin(), known->second.end());
    if (all.size() < count) held.subscription->settling_partly.insert(entry);
    return true;
  });
}

void settled(Subscription& subscription, std::uint64_t entry) {
  if (const auto one = subscription.settling.find(entry); one != subscription.settling.end())
    subscription.settling.erase(one);
}

void start_acknowledge(World& world, Held held, Record::Acknowledgement record,
                       broker::Acknowledgement what) {
  held.subscription->settling.insert(held.entries.begin(), held.entries.end());
  // A part of it may be on the way still; from now on the whole is.
  for (const std::uint64_t entry : record.entries) held.subscription->settling_partly.erase(entry);
  const std::uint64_t number = world.ask({.publications = {}, .acknowledged = std::move(record)});
  held.with->handle->acknowledge(std::move(what), world.success("acknowledge", [&world, number, held] {
    for (const std::uint64_t entry : held.entries) {
      settled(*held.subscription, entry);
      held.subscription->settling_partly.erase(entry);
    }
    world.model.done(number, {});
  }));
}

/// What is sent behind this answer is sent by a broker that knows of the return.
void expect_to_be_heard(World& world, const Held& held) {
  world.broker().stats(world.topics.at(held.with->topic),
                       world.success<TopicStats>("stats", [held](const TopicStats&) {
                         for (const std::uint64_t entry : held.entries) {
                           const auto back = held.subscription->returned.find(entry);
                           if (back != held.subscription->returned.end()) back->second.on_its_way = false;
                         }
                       }));
}

}  // namespace

bool acknowledge(World& world) {
  const auto held = draw_held(world, 20);
  if (!held) return false;
  auto record = acknowledgement_of(*held);
  draw_parts(world, *held, record);
  broker::Acknowledgement what{.entries = ids_of(record.entries), .batches = {}, .up_to = {}};
  for (const auto& [entry, places] : record.partly)
    what.batches.push_back({.entry = EntryId{entry}, .acknowledged = to_bits(places)});
  start_acknowledge(world, *held, std::move(record), std::move(what));
  return true;
}

/// Everything that was delivered up to some entry: what is out, and what came back and would come again.
bool acknowledge_up_to(World& world) {
  auto held = draw_consumer(world, true);
  if (!held || !held->subscription->one_active()) return false;
  const std::uint64_t last = world.random.pick(held->entries);
  std::erase_if(held->entries, [last](std::uint64_t entry) { return entry > last; });
  for (const auto& [entry, back] : held->subscription->returned) {
    if (entry <= last && !held->subscription->settling.contains(entry)) held->entries.push_back(entry);
  }
  start_acknowledge(world, *held, acknowledgement_of(*held),
                    {.entries = {}, .batches = {}, .up_to = EntryId{last}});
  return true;
}

bool acknowledge_what_is_not_out(World& world) {
  if (world.consumers.empty()) return false;
  auto& [number, consumer] = world.random.pick(world.consumers);
  const std::uint64_t entry = world.random.below(world.model.topic(consumer.topic).end + 1);
  const Subscription& subscription = world.model.subscription(consumer.topic, consumer.subscription);
  const auto at = subscription.out.find(entry);
  const bool its = at != subscription.out.end() && at->second.consumer == number;
  const bool up_to = world.random.chance(50);
  // What was delivered and came back, or is acknowledged, may bound an acknowledgement.
  const bool bound = !subscription.open.contains(entry) || subscription.returned.contains(entry);
  if (its || (up_to && subscription.one_active() && bound)) return false;
  const ErrorCode code =
      up_to && !subscription.one_active() ? ErrorCode::invalid_argument : ErrorCode::conflict;
  broker::Acknowledgement what;
  if (up_to) {
    what.up_to = EntryId{entry};
  } else {
    what.entries = {EntryId{entry}};
  }
  consumer.handle->acknowledge(std::move(what), world.answer<void>([entry, code](const Result<>& result) {
    if (result || result.error().code != code)
      breach("{} is not out with that consumer and could be acknowledged", entry);
  }));
  return true;
}

bool give_back(World& world) {
  const auto held = draw_held(world, 10);
  if (!held) return false;
  const std::chrono::milliseconds delay(world.random.chance(50) ? 0 : world.random.between(1, 20'000));
  const bool counts = world.random.chance(70);
  for (const std::uint64_t entry : held->entries)
    Model::returned(*held->subscription, entry, world.now().monotonic + delay, counts);
  held->with->handle->redeliver(ids_of(held->entries), delay, counts);
  expect_to_be_heard(world, *held);
  return true;
}

/// Only where nothing more can be on its way to the consumer: nobody could tell whether it was given back,
/// too.
bool give_all_back(World& world) {
  const auto held = draw_consumer(world);
  if (!held) return false;
  world.broker().stats(
      world.topics.at(held->with->topic), world.success<TopicStats>("stats", [&world, held](const auto&) {
        const Topic& topic = world.model.topic(held->with->topic);
        const bool quiet = std::ranges::none_of(held->subscription->open, [&](std::uint64_t entry) {
          return Model::due(topic, *held->subscription, entry, world.now());
        });
        if (!quiet) return;
        Model::return_all(*held->subscription, held->consumer, true, world.now());
        held->with->handle->redeliver_all();
        expect_to_be_heard(world, *held);
      }));
  return true;
}

bool forward(World& world) {
  const auto held = draw_held(world, 1);
  if (!held) return false;
  held->subscription->settling.insert(held->entries.front());
  Record record{.publications = {}, .acknowledged = acknowledgement_of(*held)};
  for (std::uint64_t left = world.random.between(1, 3); left > 0; --left)
    record.publications.push_back(
        {.topic = world.random.pick(world.topics).first, .message = world.draw_message()});
  const std::uint64_t number = world.ask(std::move(record));
  held->with->handle->forward(EntryId{held->entries.front()},
                              world.publications(world.model.asked.at(number)),
                              world.answer<std::vector<MessageId>>(
                                  [&world, number, held = *held](Result<std::vector<MessageId>> ids) {
                                    if (!ids) breach("forward failed: {}", ids.error().message);
                                    settled(*held.subscription, held.entries.front());
                                    world.model.done(number, *ids);
                                  },
                                  Mail::Lane::receipt));
  return true;
}

}  // namespace geminga::sim
