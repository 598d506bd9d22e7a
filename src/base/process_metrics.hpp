#pragma once

#include <memory>

namespace geminga::base {

class Metrics;

/// What this process takes of the machine, under the names that Prometheus' own libraries use
/// (process_resident_memory_bytes, ...), fresh at each exposition, until the handle is dropped.
[[nodiscard]] std::shared_ptr<void> expose_process(Metrics& metrics);

}  // namespace geminga::base
