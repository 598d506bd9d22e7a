#pragma once

#include <cstdint>
#include <iterator>
#include <random>

namespace geminga::sim {

/// What everything of one run is drawn from: a seed gives the same choices again.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// 0 to `n` - 1; `n` is not 0.
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  bool chance(unsigned percent) { return below(100) < percent; }
  std::uint64_t seed() { return engine_(); }
  /// An element of a container that is not empty.
  template <class Container>
  auto& pick(Container& from) {
    return *std::next(from.begin(), static_cast<std::ptrdiff_t>(below(from.size())));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace geminga::sim
