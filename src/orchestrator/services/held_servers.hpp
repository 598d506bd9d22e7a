#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"

namespace geminga::orchestrator {

/// Servers that take no call just now: over their rate, without room, or behind an open breaker. Whoever is
/// turned away gets a turn of his own, one after the other as fast as the server's rate allows, so that not
/// all come again at once. Pure; the caller brings the time.
class HeldServers {
 public:
  using Duration = std::chrono::milliseconds;
  /// Turns are given for this long ahead; who finds none comes again before the last of them, to ask anew.
  static constexpr Duration kAhead{30'000};

  /// The calls that a server takes in a second; 0: it has no rate.
  using Rate = std::function<std::uint64_t(const std::string& server)>;
  explicit HeldServers(Rate rate) : rate_(std::move(rate)) {}

  /// The server has refused a call of ours, for so long, as it said. When that call may come again.
  Duration refused(const std::string& server, Duration for_time, base::MonotonicTime now);
  /// When a call may come again that would be refused now; nothing: it may try.
  std::optional<Duration> turned_away(const std::string& server, base::MonotonicTime now);

 private:
  struct Held {
    base::MonotonicTime until;
    base::MonotonicTime next_turn;
    std::uint64_t without_turn = 0;
  };
  Duration turn(const std::string& server, Held& held, base::MonotonicTime now) const;

  const Rate rate_;
  std::map<std::string, Held> held_;  // as many as have refused
};

}  // namespace geminga::orchestrator
