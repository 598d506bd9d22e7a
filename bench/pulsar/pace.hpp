#pragma once

#include "../measure.hpp"

namespace geminga::bench::load {

inline Clock::duration in_seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

/// When each of many is due, whatever became of those before it.
class Pace {
 public:
  Pace(Clock::time_point begin, double per_second) : begin_(begin), per_second_(per_second) {}
  [[nodiscard]] Clock::time_point due(std::uint64_t number) const {
    return begin_ + in_seconds(static_cast<double>(number) / per_second_);
  }

 private:
  const Clock::time_point begin_;
  const double per_second_;
};

}  // namespace geminga::bench::load
