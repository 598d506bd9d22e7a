#pragma once

#include <memory>

#include "broker/broker.hpp"

namespace geminga::base {
class Metrics;
}

namespace geminga::broker {

/// Shows the broker's sums, the log's counters and every budget beside what is used of it in `metrics`,
/// fresh at each exposition, until the handle is dropped. The broker must outlive the handle.
[[nodiscard]] std::shared_ptr<void> expose(Broker& broker, base::Metrics& metrics);

}  // namespace geminga::broker
