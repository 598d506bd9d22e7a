#pragma once

#include "cli/serve_settings.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {

/// Starts every part, prints the ready line, runs until SIGTERM or SIGINT and stops every part in reverse
/// order within ten seconds. Called once, on the main thread, before any other thread exists: signals are
/// taken by this thread alone.
Outcome serve(const ServeSettings& settings);

}  // namespace geminga::cli
