#pragma once

#include <functional>

#include <geminga/export.hpp>

namespace geminga {

/// Opt-in for small programs: blocks until SIGINT or SIGTERM, then calls `stop` once and returns. Installs
/// its handlers only for the time of the call; a second signal ends the process at once.
GEMINGA_API void run_until_signal(std::move_only_function<void()> stop);

}  // namespace geminga
