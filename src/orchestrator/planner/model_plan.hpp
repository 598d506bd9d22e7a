#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/planner/chat_codec.hpp"
#include "orchestrator/planner/planner.hpp"

namespace geminga::orchestrator {

/// What a model is told: the rules of a plan, the sentence and the tools.
std::vector<ChatMessage> plan_messages(const PlanQuestion& question);

/// The plan in a model's words. Every tool in it is one of the question's, its arguments are all there and
/// fit its inputSchema; steps are numbered anew from 1. Errors: schema_mismatch, with everything that is
/// wrong, in words that the model can mend it by.
Result<Plan> read_model_plan(const PlanQuestion& question, std::string_view words, Timestamp now);

}  // namespace geminga::orchestrator
