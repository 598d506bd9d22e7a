#include "orchestrator/services/retry_policy.hpp"

namespace geminga::orchestrator {
namespace {

/// May a call be made again of which nobody knows whether it was executed?
bool repeatable_when_unknown(const RetryQuestion& question) {
  switch (question.policy) {
    case mcp::RetryPolicy::always:
      return true;
    case mcp::RetryPolicy::never:
      return false;
    case mcp::RetryPolicy::retry_unknown:
      break;
  }
  return question.annotations.repeatable() || !question.annotations.declared_destructive();
}

Action retry_or_give_up(const RetryQuestion& question) {
  return question.attempt + 1 < question.max_attempts ? Action::retry : Action::fail_dead_letter;
}

}  // namespace

Action decide(const RetryQuestion& question) {
  switch (question.outcome) {
    case Outcome::ok:
      return Action::complete;
    case Outcome::tool_error:
      return question.retry_tool_errors ? retry_or_give_up(question) : Action::fail;
    case Outcome::not_executed:
      return retry_or_give_up(question);
    case Outcome::limited:
      return Action::hand_back;
    case Outcome::final:
    case Outcome::cancelled:
    case Outcome::no_match:
      return Action::fail;
    case Outcome::outcome_unknown:
      return repeatable_when_unknown(question) ? retry_or_give_up(question) : Action::fail_dead_letter;
    case Outcome::unknown_error:
      return retry_or_give_up(question);
  }
  return Action::fail_dead_letter;
}

Outcome outcome_of(mcp::FailureClass kind) {
  switch (kind) {
    case mcp::FailureClass::not_executed:
      return Outcome::not_executed;
    case mcp::FailureClass::limited:
      return Outcome::limited;
    case mcp::FailureClass::final:
      return Outcome::final;
    case mcp::FailureClass::outcome_unknown:
      return Outcome::outcome_unknown;
    case mcp::FailureClass::unknown:
      break;
  }
  return Outcome::unknown_error;
}

}  // namespace geminga::orchestrator
