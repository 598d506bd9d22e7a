#pragma once

#include <geminga/error.hpp>

#include "wire/pulsar/types.hpp"

namespace geminga::doors::pulsar {

/// Schemas are not kept: a type that is all said by its name is let through, one with a definition would have
/// to be held against those before it. Errors: unsupported_by_engine.
Result<> check_schema(const ::geminga::wire::pulsar::Optional<::geminga::wire::pulsar::Schema>& schema);

}  // namespace geminga::doors::pulsar
