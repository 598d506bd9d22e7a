#pragma once

#include <string>
#include <string_view>

#include <geminga/types.hpp>

#include "orchestrator/events/events.hpp"
#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {

/// The plan where no model makes one: one step for each candidate with what is known of it, the arguments
/// that are missing or refused, and the sentence that no model is configured, or that `failed_model` gave no
/// plan. Nothing of it is executed.
Plan plan_without_model(std::string request_id, const Decision& decision, Timestamp now,
                        std::string_view failed_model = {});

}  // namespace geminga::orchestrator
