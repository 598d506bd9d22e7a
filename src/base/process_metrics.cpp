#include "base/process_metrics.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/metrics.hpp"

namespace geminga::base {
namespace {

double resident_bytes() {
  std::uint64_t size = 0;
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> size >> pages;
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error))
    ++count;
  return count;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

std::shared_ptr<void> expose_process(Metrics& metrics) {
  return metrics.on_collect(
      [resident = metrics.gauge("process_resident_memory_bytes", "Memory of this process in RAM"),
       descriptors = metrics.gauge("process_open_fds", "Open file descriptors"),
       descriptors_max = metrics.gauge("process_max_fds", "Limit of open file descriptors"),
       cpu = metrics.counter("process_cpu_seconds_total", "User and system time"), shown = 0.0]() mutable {
        resident.set(resident_bytes());
        descriptors.set(open_descriptors());
        descriptors_max.set(descriptor_limit());
        const double now = cpu_seconds();
        cpu.add(now - std::exchange(shown, now));
      });
}

}  // namespace geminga::base
