#include <memory>

#include "pace.hpp"
#include "publisher.hpp"

namespace geminga::bench::load {

namespace {

using Publishers = std::vector<std::unique_ptr<Publisher>>;

bool goes_on(const Settings& settings, const Receipts& receipts, Clock::time_point begin) {
  return settings.messages > 0 ? receipts.sent < settings.messages : since(begin) < settings.seconds;
}

void send_at_rate(Poller& poller, const Settings& settings, const Publishers& publishers,
                  const Receipts& receipts, Clock::time_point begin) {
  const Pace pace(begin, settings.per_second / std::max(settings.batch, 1U));
  for (std::uint64_t entry = 0; goes_on(settings, receipts, begin);) {
    for (const auto now = Clock::now(); pace.due(entry) <= now; ++entry) {
      Publisher& publisher = *publishers[entry % publishers.size()];
      publisher.send(pace.due(entry));
      publisher.flush();
    }
    poller.turn(pace.due(entry));
  }
}

void send_all_it_takes(Poller& poller, const Settings& settings, const Publishers& publishers,
                       const Receipts& receipts, Clock::time_point begin) {
  while (goes_on(settings, receipts, begin)) {
    for (const auto& publisher : publishers) {
      const auto now = Clock::now();
      while (publisher->has_room() && goes_on(settings, receipts, begin)) publisher->send(now);
      publisher->flush();
    }
    poller.turn(Clock::now() + std::chrono::seconds(1));
  }
}

}  // namespace

json produce(const Settings& settings) {
  Poller poller;
  Receipts receipts;
  const std::string payload = payload_of(settings);
  Publishers publishers;
  for (std::size_t i = 0; i < settings.connections; ++i)
    publishers.push_back(std::make_unique<Publisher>(poller, settings, payload, receipts));
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  receipts.measured = begin + in_seconds(settings.warm_up);
  if (settings.per_second > 0)
    send_at_rate(poller, settings, publishers, receipts, begin);
  else
    send_all_it_takes(poller, settings, publishers, receipts, begin);
  poller.run("receipts", [&] { return receipts.all(); });
  const double took = since(begin);
  return {{"messages", receipts.durable},
          {"seconds", took},
          {"per_second", static_cast<double>(receipts.durable) / took},
          {"cpu_seconds", cpu_seconds() - cpu},
          {"latency", percentiles(receipts.us)}};
}

}  // namespace geminga::bench::load
