#pragma once

#include <cstdint>

#include "mcp/call.hpp"
#include "mcp/server_config.hpp"
#include "mcp/tool.hpp"
#include "orchestrator/events/events.hpp"

namespace geminga::orchestrator {

/// What is done with a signal after its call.
enum class Action : std::uint8_t {
  complete,          ///< the tool's answer is the result
  fail,              ///< failed result at once, no dead letter
  fail_dead_letter,  ///< failed result, and a dead letter for a person
  retry,             ///< the next attempt, after its delay
  hand_back,         ///< the same attempt again, soon; nothing was spent
};

struct RetryQuestion {
  Outcome outcome = Outcome::ok;
  mcp::RetryPolicy policy = mcp::RetryPolicy::retry_unknown;  ///< of the server
  bool retry_tool_errors = false;                             ///< of the server
  mcp::ToolAnnotations annotations;
  std::uint32_t attempt = 0;  ///< 0-based, the one that has ended
  std::uint32_t max_attempts = 3;
};

/// The retry table. Pure.
Action decide(const RetryQuestion& question);

/// The class of a call that gave no answer.
Outcome outcome_of(mcp::FailureClass kind);

}  // namespace geminga::orchestrator
