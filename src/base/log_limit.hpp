#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.hpp"

namespace geminga::base {

/// For log lines that anybody can cause who reaches a port: one in a while, and how many were left out. One
/// thread.
class LogLimit {
 public:
  explicit LogLimit(std::chrono::milliseconds each = std::chrono::seconds{5}) : each_(each) {}

  /// Nothing: this line is left out. Else how many were, since the last one that was not.
  std::optional<std::uint64_t> take(MonotonicTime now = std::chrono::steady_clock::now()) {
    if (last_ && now - *last_ < each_) {
      ++left_out_;
      return std::nullopt;
    }
    last_ = now;
    return std::exchange(left_out_, 0);
  }

 private:
  const std::chrono::milliseconds each_;
  std::optional<MonotonicTime> last_;
  std::uint64_t left_out_ = 0;
};

}  // namespace geminga::base
