#pragma once

#include <chrono>

namespace geminga::base {

/// `time` + `by`, at most the end of time: "for ever" is mostly written as milliseconds::max().
template <class Clock, class Duration>
[[nodiscard]] std::chrono::time_point<Clock, Duration> later(std::chrono::time_point<Clock, Duration> time,
                                                             std::chrono::milliseconds by) {
  using Time = std::chrono::time_point<Clock, Duration>;
  const auto left = std::chrono::floor<std::chrono::milliseconds>(Duration::max() - time.time_since_epoch());
  return by < left ? time + by : Time::max();
}

}  // namespace geminga::base
