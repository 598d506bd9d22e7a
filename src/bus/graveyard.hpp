#pragma once

#include <thread>

namespace geminga::bus {

/// For a thread that cannot be joined where it would have to join itself (a handler that closes its own
/// consumer). It is about to end; it is joined by the next burial, or at the end of the program. Any thread.
void bury(std::thread thread);

}  // namespace geminga::bus
