#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

#include "orchestrator/events/events.hpp"

namespace geminga::orchestrator {

/// The text as JSON that fits the schema of its kind, so that its members may be taken without a further
/// look. Errors: schema_mismatch.
Result<nlohmann::json> parse_checked(EventKind kind, std::string_view text);

}  // namespace geminga::orchestrator
