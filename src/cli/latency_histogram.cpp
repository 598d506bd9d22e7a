#include "cli/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace geminga::cli {

std::size_t LatencyHistogram::bucket_of(std::uint64_t value) {
  if (value < kSteps) return value;
  const auto shift = static_cast<std::uint64_t>(std::bit_width(value)) - kStepBits - 1;
  return ((shift + 1) << kStepBits) + (value >> shift) - kSteps;
}

std::uint64_t LatencyHistogram::highest_in(std::size_t bucket) {
  if (bucket < kSteps) return bucket;
  const std::uint64_t shift = (bucket >> kStepBits) - 1;
  const std::uint64_t step = (bucket & (kSteps - 1)) + kSteps;
  return (step << shift) + ((1ULL << shift) - 1);
}

void LatencyHistogram::add(std::chrono::nanoseconds took) {
  const std::int64_t value = std::max<std::int64_t>(0, took.count());
  buckets_[bucket_of(static_cast<std::uint64_t>(value))] += 1;
  count_ += 1;
  max_ = std::max(max_, value);
}

std::chrono::nanoseconds LatencyHistogram::at(double part) const {
  if (count_ == 0) return {};
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted)
      return std::chrono::nanoseconds{std::min(max_, static_cast<std::int64_t>(highest_in(bucket)))};
  }
  return max();
}

}  // namespace geminga::cli
