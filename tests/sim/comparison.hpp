#pragma once

#include "broker/broker.hpp"
#include "model.hpp"

namespace geminga::sim {

/// Looks at everything that a broker found on its disk: every entry of every topic, every unacknowledged
/// message of every subscription (by receiving it, so the broker is used up afterwards; its clock must stand
/// behind every delay). What was in doubt is decided by what is there and is certain from then on. A breach
/// where the disk is not what the model says.
void compare(broker::Broker& broker, Model& model);

}  // namespace geminga::sim
