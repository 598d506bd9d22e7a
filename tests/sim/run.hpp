#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "storage/log.hpp"

namespace geminga::sim {

struct RunOptions {
  std::uint64_t seed = 0;
  std::uint64_t operations = 1'000;
  storage::UnsafeOptions unsafe;
  std::function<void(std::uint64_t step, std::string_view what)> trace;  ///< empty: none
};

struct Outcome {
  std::optional<std::string> breach;
  std::uint64_t step = 0;  ///< the one that showed it
  std::uint64_t crashes = 0;
  std::uint64_t stops = 0;
  std::uint64_t messages = 0;
};

/// One run of random operations with crashes in between.
Outcome run(const RunOptions& options);

}  // namespace geminga::sim
