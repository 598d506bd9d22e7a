#include <memory>

#include "link.hpp"
#include "loads.hpp"
#include "pace.hpp"

namespace geminga::bench::load {

namespace {

constexpr std::size_t kAtOnce = 256;  // connections that wait to be accepted

}  // namespace

json idle(const Settings& settings) {
  Poller poller;
  std::vector<std::unique_ptr<Link>> links;
  const double before = resident_mib(settings.server_pid);
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < settings.connections; ++i) {
    links.push_back(std::make_unique<Link>(poller, settings.url));
    links.back()->may_end();
    if (links.size() % kAtOnce == 0 || links.size() == settings.connections)
      poller.run("CONNECTED", [&] { return links.back()->connected() || !links.back()->open(); });
  }
  const double took = since(begin);
  const double connected = resident_mib(settings.server_pid);
  const auto end = Clock::now() + in_seconds(settings.seconds);
  while (Clock::now() < end) poller.turn(end);
  std::uint64_t open = 0;
  std::uint64_t pings = 0;
  for (const auto& link : links) {
    open += link->open() && link->connected() ? 1 : 0;
    pings += link->pings();
  }
  return {{"connections", settings.connections},
          {"connect_seconds", took},
          {"open", open},
          {"signs_of_life", pings},
          {"resident_before_mib", before},
          {"resident_connected_mib", connected},
          {"resident_mib", resident_mib(settings.server_pid)}};
}

}  // namespace geminga::bench::load
