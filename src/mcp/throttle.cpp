#include "mcp/throttle.hpp"

#include <algorithm>
#include <cmath>

#include "mcp/server_config.hpp"

namespace geminga::mcp {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// While somebody else tries: soon enough to follow when it went well.
constexpr milliseconds kWhileTrying{100};

}  // namespace

Throttle::Throttle(const ServerSettings& settings)
    : per_second_(static_cast<double>(settings.max_per_second)),
      failures_max_(settings.breaker_failures),
      pause_(settings.breaker_pause),
      tokens_(per_second_) {}

bool Throttle::take_token(base::MonotonicTime now) {
  if (per_second_ == 0) return true;
  const std::chrono::duration<double> since = now - filled_;
  if (filled_ != base::MonotonicTime{})
    tokens_ = std::min(per_second_, tokens_ + since.count() * per_second_);
  filled_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

std::optional<Throttle::Refusal> Throttle::admit(base::MonotonicTime now) {
  if (open(now))
    return Refusal{.why = "its circuit breaker is open",
                   .retry_after = duration_cast<milliseconds>(open_until_ - now) + milliseconds{1}};
  if (tripped_ && trying_)
    return Refusal{.why = "its circuit breaker waits for one call that tries", .retry_after = kWhileTrying};
  if (!take_token(now))
    return Refusal{.why = "it is over max_per_second",
                   .retry_after = milliseconds{std::lround(std::ceil((1 - tokens_) / per_second_ * 1e3))}};
  trying_ = tripped_;
  return std::nullopt;
}

void Throttle::ended(End end, base::MonotonicTime now) {
  if (failures_max_ == 0) return;
  if (end == End::not_tried) {
    trying_ = false;
    return;
  }
  if (end == End::answered) {
    failures_in_row_ = 0;
    tripped_ = false;
    trying_ = false;
    return;
  }
  ++failures_in_row_;
  if (open(now) || (!trying_ && failures_in_row_ < failures_max_)) return;
  tripped_ = true;
  trying_ = false;
  open_until_ = now + pause_;
}

std::string_view Throttle::breaker(base::MonotonicTime now) const {
  if (failures_max_ == 0) return {};
  if (!tripped_) return "closed";
  return open(now) ? "open" : "trying";
}

}  // namespace geminga::mcp
