#include <algorithm>

#include "operations.hpp"

namespace geminga::sim {
namespace {

using State = LiveProducer::State;

constexpr std::uint64_t kProducersMax = 8;
constexpr std::size_t kSentKept = 20;

bool in_state(const World& world, const std::string& topic, State state) {
  return std::ranges::any_of(world.producers, [&](const auto& each) {
    return each.second.topic == topic && each.second.state == state;
  });
}

bool somebody_waits(const World& world, const std::string& topic) {
  return in_state(world, topic, State::waiting);
}

/// Until its epoch is durable the others may publish or not.
bool fencing_under_way(const World& world, const std::string& topic) {
  return std::ranges::any_of(world.producers, [&](const auto& each) {
    return each.second.topic == topic && each.second.state == State::asked &&
           each.second.access == ProducerAccess::exclusive_with_fencing;
  });
}

/// What the broker must say to a new producer; nothing: it is connected, or waits.
std::optional<ErrorCode> refusal(const World& world, const LiveProducer& asks,
                                 std::optional<std::uint64_t> epoch) {
  const auto others = world.connected_producers(asks.topic);
  const auto any = [&](auto is) {
    return std::ranges::any_of(others, [&](std::uint64_t number) { return is(world.producers.at(number)); });
  };
  const bool fences = asks.access == ProducerAccess::exclusive_with_fencing;
  if (!fences && any([&](const LiveProducer& other) { return other.name == asks.name; }))
    return ErrorCode::producer_busy;
  const auto current = world.model.topics.at(asks.topic).epoch;
  if (epoch && current && *epoch < *current) return ErrorCode::producer_fenced;
  if (asks.access == ProducerAccess::shared &&
      (any([](const LiveProducer& other) { return other.exclusive(); }) || somebody_waits(world, asks.topic)))
    return ErrorCode::producer_busy;
  if (asks.access == ProducerAccess::exclusive && !others.empty()) return ErrorCode::producer_fenced;
  return std::nullopt;
}

void connected(World& world, std::uint64_t number, std::optional<std::uint64_t> epoch,
               broker::ProducerPtr handle) {
  LiveProducer& producer = world.producers.at(number);
  Topic& topic = world.model.topic(producer.topic);
  producer.state = State::connected;
  producer.handle = std::move(handle);
  if (producer.exclusive()) {
    const std::uint64_t next = epoch.value_or(topic.epoch.value_or(0) + 1);
    const std::uint64_t most = topic.epoch_doubtful ? std::max(next, topic.epoch_asked) : next;
    topic.epoch = std::clamp(producer.handle->epoch().value_or(0), next, most);
    topic.epoch_doubtful = false;
  }
  const auto expected = producer.exclusive() ? topic.epoch : std::nullopt;
  if (producer.handle->epoch() != expected)
    breach("{}: {} has epoch {}, not {}", producer.topic, producer.name, producer.handle->epoch().value_or(0),
           expected.value_or(0));
  if (producer.handle->name() != producer.name)
    breach("{} got the name {}", producer.name, producer.handle->name());
  const auto last = topic.names[producer.name].last();
  if (producer.handle->last_sequence_id() != last)
    breach("{}: {} was last at {}, not {}", producer.topic, producer.name,
           producer.handle->last_sequence_id().value_or(0), last.value_or(0));
}

/// Somebody takes the topic for himself: who is connected is ended, who waits is refused.
void take_over(World& world, const std::string& topic) {
  for (auto& [number, producer] : world.producers) {
    if (producer.topic != topic) continue;
    if (producer.state == State::connected) producer.state = State::taken_over;
    if (producer.state == State::waiting) producer.state = State::refused;
  }
}

/// The last one has gone: who has waited for longest is next.
void next_in_line(World& world, const std::string& topic) {
  if (!world.connected_producers(topic).empty()) return;
  for (auto& [number, producer] : world.producers) {
    if (producer.topic != topic || producer.state != State::waiting) continue;
    producer.state = State::granted;
    return;
  }
}

/// The answer to one that has waited; it comes when it may.
void on_granted(World& world, std::uint64_t number, std::optional<std::uint64_t> epoch,
                Result<broker::ProducerPtr> given) {
  if (!given && world.machine.power_is_gone()) return;  // everybody hears of it
  const auto found = world.producers.find(number);
  if (found == world.producers.end() || world.model.topic(found->second.topic).doubtful) return;  // deleted
  const State state = found->second.state;
  if (given && state == State::granted) return connected(world, number, epoch, std::move(*given));
  if (given || state != State::refused || given.error().code != ErrorCode::producer_fenced)
    breach("{}: {} waits, and has got {}", found->second.topic, found->second.name,
           given ? "the topic" : given.error().message);
  world.producers.erase(found);
}

void on_closed(World& world, std::uint64_t number, const Error& reason) {
  if (world.machine.power_is_gone()) return;  // everybody hears of it
  const auto found = world.producers.find(number);
  if (found == world.producers.end() || world.model.topic(found->second.topic).doubtful) return;  // deleted
  LiveProducer& producer = found->second;
  if (producer.told_closed || reason.code != ErrorCode::producer_fenced)
    breach("{}: {} was ended: {}", producer.topic, producer.name, reason.message);
  producer.told_closed = true;
}

ProducerAccess draw_access(World& world) {
  if (world.random.chance(60)) return ProducerAccess::shared;
  constexpr ProducerAccess kAlone[] = {ProducerAccess::exclusive, ProducerAccess::wait_for_exclusive,
                                       ProducerAccess::exclusive_with_fencing};
  return kAlone[world.random.below(std::size(kAlone))];
}

void request(World& world, std::uint64_t number, std::optional<std::uint64_t> epoch,
             broker::Done<broker::ProducerPtr> done) {
  const LiveProducer& asks = world.producers.at(number);
  const auto mail = world.mail();
  world.broker().create_producer(
      world.topics.at(asks.topic),
      {.name = asks.name,
       .access = asks.access,
       .epoch = epoch,
       .on_waiting = nullptr,
       .wanted = asks.wanted,
       .on_closed =
           [&world, mail, number](const Error& reason) {
             mail->said([&world, number, reason] { on_closed(world, number, reason); });
           }},
      std::move(done));
}

}  // namespace

bool register_producer(World& world) {
  if (world.topics.empty() || world.producers.size() >= kProducersMax) return false;
  LiveProducer asks{.topic = world.random.pick(world.topics).first,
                    .name = fmt::format("p{}", world.random.below(3)),
                    .access = draw_access(world)};
  std::optional<std::uint64_t> epoch;
  if (asks.exclusive() && world.random.chance(30) && !world.model.topic(asks.topic).epoch_doubtful)
    epoch = world.random.below(world.model.topic(asks.topic).epoch.value_or(0) + 2);
  const auto refused = refusal(world, asks, epoch);
  const bool waits = !refused && asks.access == ProducerAccess::wait_for_exclusive &&
                     !world.connected_producers(asks.topic).empty();
  if (!refused && asks.access == ProducerAccess::exclusive_with_fencing) take_over(world, asks.topic);
  if (!refused && asks.exclusive()) {
    Topic& topic = world.model.topic(asks.topic);
    topic.epoch_asked = std::max(epoch.value_or(0), std::max(topic.epoch_asked, topic.epoch.value_or(0)) + 1);
  }
  const std::uint64_t number = world.next_number();
  asks.state = waits ? State::waiting : State::asked;
  world.producers.emplace(number, asks);
  if (waits) {
    const auto mail = world.mail();
    request(world, number, epoch, [&world, mail, number, epoch](Result<broker::ProducerPtr> given) {
      mail->said([&world, number, epoch, given = std::move(given)]() mutable {
        on_granted(world, number, epoch, std::move(given));
      });
    });
    return true;
  }
  request(
      world, number, epoch,
      world.answer<broker::ProducerPtr>([&world, number, epoch, refused](Result<broker::ProducerPtr> given) {
        if (!refused) {
          if (!given) breach("create_producer failed: {}", given.error().message);
          return connected(world, number, epoch, std::move(*given));
        }
        if (given || given.error().code != *refused) breach("a producer that had to be refused was not");
        world.producers.erase(number);
      }));
  return true;
}

bool close_producer(World& world) {
  if (world.producers.empty()) return false;
  auto& [number, producer] = world.random.pick(world.producers);
  if (!producer.handle) return false;
  producer.handle->close(world.success("close", [&world, number = number] {
    const auto closed = world.producers.extract(number);
    next_in_line(world, closed.mapped().topic);
  }));
  return true;
}

namespace {

/// The next ids of the producer's name, sometimes with a gap; or some that were used before: first of all
/// those whose outcome a crash has left open.
Message draw_numbered(World& world, const std::string& producer, Name& name) {
  const auto lost = name.accepted ? name.sent.upper_bound(*name.accepted) : name.sent.begin();
  if (lost != name.sent.end() && world.random.chance(80)) return lost->second;
  if (!name.sent.empty() && world.random.chance(30)) return world.random.pick(name.sent).second;
  Message message = world.draw_message();
  const std::uint64_t next = name.sent.empty() ? 0 : name.sent.rbegin()->first + 1;
  message.numbered = Numbered{.producer = producer,
                              .sequence = next + (world.random.chance(20) ? world.random.below(5) : 0)};
  name.sent.emplace(message.numbered->sequence, message);
  if (name.sent.size() > kSentKept) name.sent.erase(name.sent.begin());
  return message;
}

}  // namespace

bool publish_numbered(World& world) {
  if (world.producers.empty()) return false;
  auto& [number, producer] = world.random.pick(world.producers);
  if (!producer.handle) return false;
  if (producer.state == State::taken_over) {
    if (fencing_under_way(world, producer.topic)) return false;
    std::vector<storage::Append> entries;
    entries.push_back(world.append(world.draw_message()));
    producer.handle->publish(std::move(entries), world.answer<std::vector<MessageId>>([](const auto& ids) {
      if (ids || ids.error().code != ErrorCode::producer_fenced)
        breach("a producer that was taken over could publish");
    }));
    return true;
  }
  Name& name = world.model.topic(producer.topic).names[producer.name];
  Record record;
  for (std::uint64_t left = world.random.between(1, 3); left > 0; --left) {
    Message message = draw_numbered(world, producer.name, name);
    const Expected expected = name.ask(message.numbered->sequence);
    record.publications.push_back(
        {.topic = producer.topic, .message = std::move(message), .expected = expected});
  }
  const std::uint64_t asked = world.ask(std::move(record));
  std::vector<storage::Append> entries;
  for (const auto& each : world.model.asked.at(asked).publications)
    entries.push_back(world.append(each.message));
  producer.handle->publish(std::move(entries), world.answer<std::vector<MessageId>>(
                                                   [&world, asked](Result<std::vector<MessageId>> ids) {
                                                     if (!ids)
                                                       breach("publish failed: {}", ids.error().message);
                                                     world.model.done(asked, *ids);
                                                   },
                                                   Mail::Lane::receipt));
  return true;
}

}  // namespace geminga::sim
