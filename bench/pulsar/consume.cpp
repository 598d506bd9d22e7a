#include <memory>

#include "pace.hpp"
#include "publisher.hpp"
#include "subscriber.hpp"

namespace geminga::bench::load {

namespace {

constexpr std::chrono::milliseconds kBetweenAcks{100};  // as official clients do
constexpr std::chrono::seconds kQuietMax{3};            // then no more is to come

}  // namespace

json subscribe(const Settings& settings) {
  Poller poller;
  const Subscriber subscriber(poller, settings, wire::SubscriptionType::exclusive);
  return {{"subscription", settings.subscription}};
}

json consume(const Settings& settings) {
  Poller poller;
  const auto type =
      settings.connections > 1 ? wire::SubscriptionType::shared : wire::SubscriptionType::exclusive;
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  for (std::size_t i = 0; i < settings.connections; ++i)
    subscribers.push_back(std::make_unique<Subscriber>(poller, settings, type));
  std::uint64_t entries = 0;
  auto last = Clock::now();
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  for (const auto& subscriber : subscribers)
    subscriber->start([&](const wire::MessageMetadata&) { ++entries, last = Clock::now(); });
  const auto messages = [&] {
    std::uint64_t sum = 0;
    for (const auto& subscriber : subscribers) sum += subscriber->messages();
    return sum;
  };
  auto next_acks = begin + kBetweenAcks;
  while (settings.messages > 0 ? messages() < settings.messages : Clock::now() < last + kQuietMax) {
    if (Clock::now() > last + 10 * kQuietMax) give_up(fmt::format("nothing more after {}", messages()));
    poller.turn(next_acks);
    if (Clock::now() < next_acks) continue;
    for (const auto& subscriber : subscribers) subscriber->acknowledge();
    next_acks = Clock::now() + kBetweenAcks;
  }
  const double took = std::chrono::duration<double>(last - begin).count();
  for (const auto& subscriber : subscribers) subscriber->finish();
  return {{"messages", messages()},
          {"entries", entries},
          {"seconds", took},
          {"per_second", static_cast<double>(messages()) / took},
          {"cpu_seconds", cpu_seconds() - cpu}};
}

json both_ends(const Settings& settings) {
  Poller poller;
  Receipts receipts;
  const std::string payload = payload_of(settings);
  Subscriber subscriber(poller, settings, wire::SubscriptionType::exclusive);
  Publisher publisher(poller, settings, payload, receipts);
  const auto begin = Clock::now();
  receipts.measured = begin + in_seconds(settings.warm_up);
  const std::uint64_t batch = std::max(settings.batch, 1U);
  const Pace pace(begin, settings.per_second / static_cast<double>(batch));
  std::vector<double> us;
  subscriber.start([&](const wire::MessageMetadata& metadata) {
    const auto due = pace.due(metadata.sequence_id / batch);
    if (due >= receipts.measured)
      us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - due).count());
  });
  auto next_acks = begin + kBetweenAcks;
  for (std::uint64_t entry = 0; since(begin) < settings.seconds;) {
    for (const auto now = Clock::now(); pace.due(entry) <= now; ++entry) publisher.send(pace.due(entry));
    publisher.flush();
    poller.turn(std::min(pace.due(entry), next_acks));
    if (Clock::now() < next_acks) continue;
    subscriber.acknowledge();
    next_acks = Clock::now() + kBetweenAcks;
  }
  poller.run("messages", [&] { return receipts.all() && subscriber.messages() >= receipts.sent; });
  const double took = since(begin);
  subscriber.finish();
  return {{"messages", subscriber.messages()},
          {"per_second", static_cast<double>(subscriber.messages()) / took},
          {"receipts", percentiles(receipts.us)},
          {"latency", percentiles(us)}};
}

}  // namespace geminga::bench::load
