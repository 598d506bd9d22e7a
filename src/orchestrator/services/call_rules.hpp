#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "orchestrator/services/core.hpp"
#include "orchestrator/services/retry_policy.hpp"

/// What signals and the steps of plans have in common.
namespace geminga::orchestrator {

/// How a call ended.
struct Ending {
  Outcome outcome = Outcome::ok;
  std::string error;
  mcp::CallAnswer answer;  ///< with ok and tool_error
  std::chrono::milliseconds retry_after{0};
};

/// What the registry's answer means; a failure after a cancellation by the user is that cancellation.
Ending ending_of(mcp::CallOutcome outcome, bool cancelled);

/// A call whose claim is held, for what is written when it has ended.
struct ClaimedCall {
  HeldClaim claim;
  const ToolSignal& signal;
  const Message& original;                      ///< that a dead letter stands for
  const std::vector<AttemptFailure>& failures;  ///< of the attempts before
  std::string name{};  ///< in front of the reason of a dead letter; empty: the call stands for itself
};

/// What is written of a call that has ended, and the status of its result.
struct WrittenEnd {
  FinishClaim finish;
  ResultStatus status = ResultStatus::failed;
};
WrittenEnd finish_of(const Core& core, const ClaimedCall& call, const Ending& ending, bool with_dead_letter);
RetryClaim retry_of(const Core& core, const ClaimedCall& call, const Ending& ending);

/// What is done after a call that ended so, by the retry table with what the registry knows of server and
/// tool.
Action action_after(const Core& core, const ToolSignal& signal, Outcome outcome);

/// Why the tool would refuse the arguments, by its inputSchema as the registry knows it now; empty: they fit,
/// or nobody knows the tool.
std::string schema_error(const Core& core, const ToolSignal& signal);

/// The result, and the dead letter where there is one.
std::vector<TopicMessage> end_messages(const Core& core, const Envelope& envelope, const WrittenEnd& end);

/// The same for a message that finds its claim done. The signal or plan that a letter stands for is
/// acknowledged in the step that publishes the letter. So a second copy of it, which a slow publish leaves
/// behind, gives the result again and no letter.
std::vector<TopicMessage> end_messages_again(const Core& core, const Envelope& envelope,
                                             const TakenClaim& claim, const Message& copy);

}  // namespace geminga::orchestrator
