#pragma once

#include <geminga/capabilities.hpp>
#include <geminga/consumer.hpp>
#include <geminga/error.hpp>

namespace geminga::bus {

/// `options.topic` is a full name. Errors: invalid_argument; unsupported, with what the engine lacks.
Result<> check_consumer(const ConsumerOptions& options, bool has_handler, const Capabilities& capabilities);

}  // namespace geminga::bus
