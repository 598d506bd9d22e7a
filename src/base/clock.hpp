#pragma once

#include <atomic>
#include <chrono>

#include <geminga/types.hpp>

namespace geminga::base {

using MonotonicTime = std::chrono::steady_clock::time_point;

/// The seam for time. Only deliver-at, TTL, retention and token expiry follow wall_now(); every time-out
/// follows monotonic_now().
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp wall_now() const = 0;
  [[nodiscard]] virtual MonotonicTime monotonic_now() const = 0;
  /// The clock of the machine; lives for ever.
  static Clock& system();
};

/// For tests: stands still until it is moved. Any thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp{std::chrono::milliseconds{1'700'000'000'000}})
      : wall_(start) {}
  [[nodiscard]] Timestamp wall_now() const override { return wall_.load(); }
  [[nodiscard]] MonotonicTime monotonic_now() const override { return monotonic_.load(); }
  /// Both clocks go forward.
  void advance(std::chrono::milliseconds by) {
    wall_.store(wall_.load() + by);
    monotonic_.store(monotonic_.load() + by);
  }
  /// Only the wall clock jumps, forwards or back.
  void jump(std::chrono::milliseconds by) { wall_.store(wall_.load() + by); }

 private:
  std::atomic<Timestamp> wall_;
  std::atomic<MonotonicTime> monotonic_{MonotonicTime{} + std::chrono::hours{1}};
};

/// "2026-11-21T20:15:03.123Z", the form of every timestamp that leaves the process as text.
std::string to_iso8601(Timestamp time);
/// Accepts the above with 0 to 9 fraction digits and Z or an offset. Errors: parse_error.
Result<Timestamp> parse_iso8601(std::string_view text);

}  // namespace geminga::base
