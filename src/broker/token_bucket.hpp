#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include "base/clock.hpp"

namespace geminga::broker {

/// A rate: tokens come with time, at most those of one second lie ready. Spending may go into debt, so that
/// one large piece passes and is waited off afterwards. Pure; not thread-safe.
class TokenBucket {
 public:
  /// 0: no limit. A new rate begins with a second's worth.
  void set_rate(std::uint64_t per_second, base::MonotonicTime now) {
    if (per_second == rate_) return;
    rate_ = per_second;
    empty_at_ = now - kDepth;
  }
  [[nodiscard]] bool limited() const { return rate_ > 0; }
  /// Whether something may be spent now.
  [[nodiscard]] bool open(base::MonotonicTime now) const { return !limited() || empty_at_ < now; }
  /// How many lie ready; after open() at least one.
  [[nodiscard]] std::uint64_t ready(base::MonotonicTime now) const {
    if (!limited()) return std::numeric_limits<std::uint64_t>::max();
    const auto filled = std::chrono::duration<double>(std::clamp(now - empty_at_, kNothing, kDepth));
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(filled.count() * double(rate_)));
  }
  void spend(std::uint64_t tokens, base::MonotonicTime now) {
    if (!limited()) return;
    const std::chrono::duration<double> time(static_cast<double>(tokens) / static_cast<double>(rate_));
    empty_at_ = std::max(empty_at_, now - kDepth) + std::chrono::round<Duration>(std::min(time, kMost));
  }
  /// How long until open() says yes, rounded up.
  [[nodiscard]] std::chrono::milliseconds wait(base::MonotonicTime now) const {
    if (open(now)) return std::chrono::milliseconds(0);
    return std::chrono::floor<std::chrono::milliseconds>(empty_at_ - now) + std::chrono::milliseconds(1);
  }

 private:
  using Duration = base::MonotonicTime::duration;
  static constexpr Duration kNothing{0};
  static constexpr Duration kDepth = std::chrono::seconds(1);
  /// What one spending costs at most: sums stay within the clock.
  static constexpr std::chrono::duration<double> kMost = std::chrono::hours(24);

  std::uint64_t rate_ = 0;
  base::MonotonicTime empty_at_{};  ///< when the last token went or, in the future, when the debt is paid
};

/// Messages and bytes together.
struct RateLimit {
  TokenBucket messages;
  TokenBucket bytes;
  [[nodiscard]] bool limited() const { return messages.limited() || bytes.limited(); }
  [[nodiscard]] bool open(base::MonotonicTime now) const { return messages.open(now) && bytes.open(now); }
  void spend(std::uint64_t message_count, std::uint64_t byte_count, base::MonotonicTime now) {
    messages.spend(message_count, now);
    bytes.spend(byte_count, now);
  }
  [[nodiscard]] std::chrono::milliseconds wait(base::MonotonicTime now) const {
    return std::max(messages.wait(now), bytes.wait(now));
  }
};

}  // namespace geminga::broker
