#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "orchestrator/services/core.hpp"
#include "orchestrator/services/retry_policy.hpp"

/// What signals and the steps of plans have in common.
namespace geminga::orchestrator {

/// What is done after a call that ended so, by the retry table with what the registry knows of server and
/// tool.
Action action_after(const Core& core, const ToolSignal& signal, Outcome outcome);

/// Why the tool would refuse the arguments, by its inputSchema as the registry knows it now; empty: they fit,
/// or nobody knows the tool.
std::string schema_error(const Core& core, const ToolSignal& signal);

/// When the next attempt may begin; never early.
Timestamp next_attempt_at(const Core& core, std::uint32_t attempt, std::chrono::milliseconds at_least);

/// The result, and the dead letter where there is one.
std::vector<TopicMessage> end_messages(const Core& core, const Envelope& envelope,
                                       const std::string& result_json, const std::string& dead_letter_json);

/// The same for a message that finds its claim done. The signal or plan that a letter stands for is
/// acknowledged in the step that publishes the letter. So a second copy of it, which a slow publish leaves
/// behind, gives the result again and no letter.
std::vector<TopicMessage> end_messages_again(const Core& core, const Envelope& envelope,
                                             const TakenClaim& claim, const Message& copy);

}  // namespace geminga::orchestrator
