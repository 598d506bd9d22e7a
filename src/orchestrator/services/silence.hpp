#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "base/clock.hpp"

namespace geminga::orchestrator {

/// How long the matcher has been silent about each request. It decides in the order in which requests come:
/// while it decides about earlier ones it has not reached a later one, and says nothing about it by silence.
/// Requests have numbers by arrival. Pure; the caller brings the time.
class Silence {
 public:
  void begin(std::uint64_t number, base::MonotonicTime now) { since_.emplace(number, now); }
  void forget(std::uint64_t number) { since_.erase(number); }
  /// A decision about this one was seen: the silence about those that came after it begins anew.
  void broken(std::uint64_t number, base::MonotonicTime now) {
    for (auto at = since_.upper_bound(number); at != since_.end(); ++at) at->second = now;
  }
  [[nodiscard]] std::chrono::milliseconds about(std::uint64_t number, base::MonotonicTime now) const {
    const auto found = since_.find(number);
    if (found == since_.end()) return {};
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - found->second);
  }

 private:
  std::map<std::uint64_t, base::MonotonicTime> since_;
};

}  // namespace geminga::orchestrator
