#pragma once

#include <functional>
#include <thread>

#include <geminga/error.hpp>

namespace geminga::base {

/// A thread that runs `run`. Errors: unavailable (the machine, or the limit of a container, gives none now).
Result<std::thread> start_thread(std::function<void()> run);

}  // namespace geminga::base
