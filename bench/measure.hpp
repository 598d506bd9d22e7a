#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <geminga/error.hpp>

/// What the benchmarks measure with. A benchmark that cannot go on says why and exits 1.
namespace geminga::bench {

using Clock = std::chrono::steady_clock;

inline double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

template <class T>
T need(Result<T> result) {
  if constexpr (std::is_void_v<T>) {
    if (result) return;
  } else if (result) {
    return *std::move(result);
  }
  fmt::print(stderr, "benchmark: {}\n", result.error().message);
  std::exit(1);
}

inline nlohmann::ordered_json percentiles(std::vector<double>& us) {
  std::sort(us.begin(), us.end());
  const auto at = [&](double part) {
    return us.empty() ? 0.0 : us[static_cast<std::size_t>(part * static_cast<double>(us.size() - 1))];
  };
  return {{"p50_us", at(0.5)}, {"p99_us", at(0.99)}, {"max_us", at(1)}};
}

/// User and system time of this process, all threads.
inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Of this process, or of the one with that number; 0: there is none.
inline double resident_mib(const std::string& process = "self") {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/" + process + "/statm") >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

inline std::uint64_t open_files() {
  return static_cast<std::uint64_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

}  // namespace geminga::bench
