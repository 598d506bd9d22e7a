#include "orchestrator/services/held_servers.hpp"

#include <algorithm>

namespace geminga::orchestrator {
namespace {

/// Where the server does not say when it has room.
constexpr HeldServers::Duration kNoRoom{100};

}  // namespace

HeldServers::Duration HeldServers::refused(const std::string& server, Duration for_time,
                                           base::MonotonicTime now) {
  auto& held = held_[server];
  held.until = std::max(held.until, now + (for_time.count() > 0 ? for_time : kNoRoom));
  return turn(server, held, now);
}

std::optional<HeldServers::Duration> HeldServers::turned_away(const std::string& server,
                                                              base::MonotonicTime now) {
  const auto found = held_.find(server);
  if (found == held_.end() || found->second.until <= now) return std::nullopt;
  return turn(server, found->second, now);
}

HeldServers::Duration HeldServers::turn(const std::string& server, Held& held,
                                        base::MonotonicTime now) const {
  const auto mine = std::max(held.next_turn, held.until);
  if (mine > held.until + kAhead) {
    const auto back = static_cast<std::uint64_t>(kAhead.count()) / 2;
    return std::chrono::ceil<Duration>(held.until - now) + kAhead / 2 + Duration{held.without_turn++ % back};
  }
  const auto rate = rate_(server);
  held.next_turn = mine + Duration{rate == 0 ? 1 : std::max<std::uint64_t>(1, 1'000 / rate)};
  return std::chrono::ceil<Duration>(mine - now);
}

}  // namespace geminga::orchestrator
