// What must come to be when a step was taken, and what the statistics must say then.
#include <algorithm>
#include <future>

#include "world.hpp"

namespace geminga::sim {

using State = LiveProducer::State;

std::string World::overdue(const std::string& topic_name, const std::string& name) const {
  const Topic& topic = model.topics.at(topic_name);
  const Subscription& subscription = topic.subscriptions.at(name);
  const ConsumerNumber only = subscription.one_active() ? active(topic_name, name) : 0;
  std::uint64_t with_permits = 0;
  std::uint64_t without = 0;
  for (const ConsumerNumber number : consumers_of(topic_name, name)) {
    const LiveConsumer& consumer = consumers.at(number);
    const bool is_active = number == only;
    if (subscription.type == SubscriptionType::failover && consumer.told_active != is_active)
      return fmt::format("{} {}: {} was not told that it is{} active", topic_name, name, number,
                         is_active ? "" : " not");
    if (only != 0 && !is_active) continue;
    (consumer.permits > 0 && !consumer.stopped ? with_permits : without) += 1;
  }
  if (with_permits == 0) return {};
  if (subscription.type == SubscriptionType::key_shared) {
    if (without > 0) return {};  // the keys may be theirs
    const auto keys = Model::due_keys(topic, subscription, now());
    return keys.empty() ? std::string()
                        : fmt::format("{} {}: nothing of key '{}' came", topic_name, name, keys.front());
  }
  for (const std::uint64_t entry : subscription.open) {
    if (Model::due(topic, subscription, entry, now()))
      return fmt::format("{} {}: {} is due and did not come", topic_name, name, entry);
  }
  return {};
}

std::string World::overdue(const LiveProducer& producer) const {
  if (producer.state == State::granted)
    return fmt::format("{}: the topic is free and {} waits", producer.topic, producer.name);
  if (producer.state == State::refused)
    return fmt::format("{} was taken over and {} waits", producer.topic, producer.name);
  if (producer.state == State::taken_over && !producer.told_closed)
    return fmt::format("{} was taken over and {} was not told", producer.topic, producer.name);
  return {};
}

std::string World::overdue() const {
  for (const auto& [topic_name, topic] : model.topics) {
    for (const auto& [name, subscription] : topic.subscriptions) {
      if (auto late = overdue(topic_name, name); !late.empty()) return late;
    }
  }
  for (const auto& [number, producer] : producers) {
    if (auto late = overdue(producer); !late.empty()) return late;
  }
  for (const auto& [number, reader] : readers) {
    const Topic& topic = model.topics.at(reader.topic);
    if (std::max(reader.next, topic.first) < topic.end)
      return fmt::format("{}: a reader stays at {}", reader.topic, reader.next);
  }
  return {};
}

/// For whoever has to find out why something did not come.
std::string World::what_the_broker_says() {
  std::string all;
  for (const auto& [name, topic] : topics) {
    auto promise = std::make_shared<std::promise<Result<TopicStats>>>();
    broker().stats(topic, [promise](Result<TopicStats> stats) { promise->set_value(std::move(stats)); });
    auto answer = promise->get_future();
    if (answer.wait_for(std::chrono::seconds(5)) != std::future_status::ready) {
      all += fmt::format("\n{}: no answer", name);
      continue;
    }
    const auto stats = answer.get();
    if (!stats) continue;
    for (const SubscriptionStats& each : stats->subscriptions) {
      all += fmt::format("\n{} {} (type {}): backlog {}, unacked {}, delayed {}, paused '{}'", name,
                         each.name, static_cast<int>(each.type), each.backlog, each.unacked, each.delayed,
                         each.dispatch_paused);
      for (const ConsumerStats& one : each.connected)
        all += fmt::format("; {} unacked {} permits {}", one.name, one.unacked, one.permits);
    }
  }
  return all;
}

void World::settle() {
  for (auto& [name, topic] : model.topics) {
    Model::note_trimmable(topic, now());
    const std::uint64_t oldest = topic.messages.empty() ? topic.end : topic.messages.begin()->first;
    if (topic.messages.size() != topic.end - oldest) breach("{}: the ids have a gap", name);
    for (auto& [ignored, subscription] : topic.subscriptions)
      subscription.held_ever |= subscription.hold_delayed;
  }
  std::string late;
  // Without power everybody is told that nothing more comes; the next step is a crash.
  mail_->read_until([&] { return machine.power_is_gone() || (late = overdue()).empty(); },
                    [&] { return late + what_the_broker_says(); });
  if (!topics.empty() && !machine.power_is_gone()) check_statistics(random.pick(topics).first);
}

// --- statistics
// ------------------------------------------------------------------------------------------

namespace {

void same(const std::string& of, const char* what, std::uint64_t got, std::uint64_t expected) {
  if (got != expected) breach("statistics of {}: {} {}, not {}", of, what, got, expected);
}

}  // namespace

void World::check_statistics(const std::string& name) {
  // Compared when the answer stands in line: every event before it is in the model, none behind it.
  broker().stats(topics.at(name), success<TopicStats>("stats", [this, name](const TopicStats& stats) {
                   compare(name, stats);
                 }));
  wait_for_answers();
}

void World::compare(const std::string& name, const TopicStats& stats) const {
  const Topic& topic = model.topics.at(name);
  same(name, "stored messages", stats.stored_messages, topic.end - topic.first);
  same(name, "messages in", stats.messages_in, topic.messages_in);
  same(name, "messages out", stats.messages_out, topic.messages_out);
  same(name, "producers", stats.producers, connected_producers(name).size());
  same(name, "subscriptions", stats.subscriptions.size(), topic.subscriptions.size());
  for (const SubscriptionStats& each : stats.subscriptions) compare(name, each);
}

void World::compare(const std::string& topic, const SubscriptionStats& stats) const {
  const auto& all = model.topics.at(topic).subscriptions;
  const auto found = all.find(stats.name);
  if (found == all.end()) breach("{} has a subscription {}", topic, stats.name);
  const Subscription& expected = found->second;
  const std::string of = topic + " " + stats.name;
  std::map<ConsumerNumber, std::uint64_t> unacked_of;
  std::uint64_t unacked = 0;
  for (const auto& [entry, out] : expected.out) {
    unacked += out.unacked;
    unacked_of[out.consumer] += out.unacked;
  }
  same(of, "backlog", stats.backlog, expected.open.size());
  same(of, "unacked", stats.unacked, unacked);
  same(of, "messages out", stats.messages_out, expected.messages_out);
  same(of, "redelivered", stats.redelivered, expected.redelivered);
  const auto connected = consumers_of(topic, stats.name);
  same(of, "consumers", stats.consumers, connected.size());
  same(of, "rows of consumers", stats.connected.size(), connected.size());
  for (const ConsumerStats& each : stats.connected) {
    const auto number =
        std::ranges::find(connected, each.name, [](auto one) { return fmt::format("c{}", one); });
    if (number == connected.end()) breach("{} has a consumer {}", of, each.name);
    const LiveConsumer& consumer = consumers.at(*number);
    const std::string its = of + " " + each.name;
    same(its, "unacked", each.unacked, unacked_of[*number]);
    same(its, "messages out", each.messages_out, consumer.messages_out);
    same(its, "redelivered", each.redelivered, consumer.redelivered);
    same(its, "active", each.active ? 1 : 0,
         !expected.one_active() || *number == active(topic, stats.name) ? 1 : 0);
    if (each.permits != consumer.permits)
      breach("statistics of {}: permits {}, not {}", its, each.permits, consumer.permits);
  }
}

}  // namespace geminga::sim
