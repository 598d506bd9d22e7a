#pragma once

#include <string>

#include <geminga/types.hpp>

#include "orchestrator/events/events.hpp"
#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {

/// The plan where no model is configured: one step for each candidate with what is known of it, the arguments
/// that are missing, and the sentence that no model is configured. Nothing of it is executed.
Plan plan_without_model(std::string request_id, const Decision& decision, Timestamp now);

}  // namespace geminga::orchestrator
