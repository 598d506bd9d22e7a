#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace geminga::cli {

/// How long many things took, in memory of one size whatever their number. A percentile is at most 1 % above
/// the exact one and never above the largest.
class LatencyHistogram {
 public:
  void add(std::chrono::nanoseconds took);
  /// So much of what was added took at most so long: `part` 0.5 is the median. Zero when nothing was added.
  [[nodiscard]] std::chrono::nanoseconds at(double part) const;
  [[nodiscard]] std::chrono::nanoseconds max() const { return std::chrono::nanoseconds{max_}; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  // Each power of two is cut into kSteps buckets of one width; below kSteps every value has its own.
  static constexpr std::uint64_t kStepBits = 7;
  static constexpr std::uint64_t kSteps = 1ULL << kStepBits;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t highest_in(std::size_t bucket);

  std::array<std::uint64_t, (64 - kStepBits + 1) << kStepBits> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace geminga::cli
