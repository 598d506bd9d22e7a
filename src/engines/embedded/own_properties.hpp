#pragma once

#include <geminga/types.hpp>

#include "broker/delay_choice.hpp"

namespace geminga::engines::embedded {

/// Of every subscription that the bus makes: it holds delayed messages on each type (docs/bus.md).
inline Properties own_properties() {
  return {{broker::kDelayProperty, broker::kHold}};
}

}  // namespace geminga::engines::embedded
