#include "base/thread.hpp"

#include <system_error>

#include <fmt/format.h>

namespace geminga::base {

Result<std::thread> start_thread(std::function<void()> run) {
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& error) {
    return fail(ErrorCode::unavailable,
                fmt::format("a thread cannot be started: {}; raise the limit of threads (ulimit -u, or pids "
                            "of the container)",
                            error.what()));
  }
}

}  // namespace geminga::base
