#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace geminga::mcp {

struct ServerSettings;

/// Holds calls back from one server: over its rate, or while its circuit breaker is open. Pure; the caller
/// brings the time.
/// The breaker: closed -> open after so many failures in a row -> after the pause one call may try -> closed
/// when that one was answered, open again when it failed.
class Throttle {
 public:
  explicit Throttle(const ServerSettings& settings);

  struct Refusal {
    std::string_view why;
    std::chrono::milliseconds retry_after{};
  };
  /// Nothing: the call may go, and ended() must follow.
  std::optional<Refusal> admit(base::MonotonicTime now);

  enum class End : std::uint8_t {
    answered,   ///< the server said something, if only that it refuses
    failed,     ///< it could not be reached, or left us without an answer
    not_tried,  ///< nothing was sent, or we took the call back: says nothing about the server
  };
  void ended(End end, base::MonotonicTime now);

  /// "closed", "open" or "trying"; empty where there is no breaker.
  [[nodiscard]] std::string_view breaker(base::MonotonicTime now) const;

 private:
  [[nodiscard]] bool open(base::MonotonicTime now) const { return tripped_ && now < open_until_; }
  bool take_token(base::MonotonicTime now);

  const double per_second_;           // 0: no limit
  const std::uint64_t failures_max_;  // 0: no breaker
  const std::chrono::milliseconds pause_;
  double tokens_;
  base::MonotonicTime filled_{};
  std::uint64_t failures_in_row_ = 0;
  bool tripped_ = false;
  bool trying_ = false;  // the one call after the pause is under way
  base::MonotonicTime open_until_{};
};

}  // namespace geminga::mcp
