#include "orchestrator/services/call_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "orchestrator/events/schema_check.hpp"
#include "orchestrator/matching/arguments.hpp"
#include "orchestrator/services/dead_letters.hpp"
#include "orchestrator/services/later.hpp"
#include "orchestrator/services/results.hpp"

namespace geminga::orchestrator {
namespace {

AttemptFailure failure_of(const Core& core, const ToolSignal& signal, const Ending& ending) {
  return {.attempt = signal.attempt,
          .at = core.now(),
          .outcome = std::string(to_string(ending.outcome)),
          .error = ending.error};
}

std::string letter_of(const Core& core, const ClaimedCall& call, const Ending& ending) {
  const auto& signal = call.signal;
  auto failures = call.failures;
  if (ending.outcome != Outcome::ok) failures.push_back(failure_of(core, signal, ending));
  const auto reason =
      fmt::format("{}{}{} after {} of {} attempts: {}", call.name, call.name.empty() ? "" : ": ",
                  to_string(ending.outcome), signal.attempt + 1, signal.max_attempts, ending.error);
  return dead_letter_body(core, signal, call.original, reason, failures);
}

}  // namespace

Ending ending_of(mcp::CallOutcome outcome, bool cancelled) {
  Ending ending;
  if (outcome) {
    ending.outcome = outcome->is_error ? Outcome::tool_error : Outcome::ok;
    ending.answer = *std::move(outcome);
    if (ending.answer.is_error) ending.error = bounded_error(text_of_content(ending.answer.content));
    return ending;
  }
  ending.outcome = cancelled ? Outcome::cancelled : outcome_of(outcome.error().kind);
  ending.error =
      cancelled ? "the job was cancelled" : bounded_error(std::move(outcome.error().error.message));
  ending.retry_after = outcome.error().retry_after.value_or(std::chrono::milliseconds{0});
  return ending;
}

WrittenEnd finish_of(const Core& core, const ClaimedCall& call, const Ending& ending, bool with_dead_letter) {
  const bool answered = ending.outcome == Outcome::ok || ending.outcome == Outcome::tool_error;
  const auto result = answered ? answer_result(call.signal, ending.answer, core.now())
                               : failed_result(call.signal, ending.error, core.now());
  FinishClaim finish;
  finish.request_id = call.claim.request_id;
  finish.token = call.claim.token;
  auto body = result_body(call.signal, result);
  finish.result_json = std::move(body.json);
  if (ending.outcome != Outcome::ok) finish.failure = failure_of(core, call.signal, ending);
  if (with_dead_letter) finish.dead_letter_json = letter_of(core, call, ending);
  return {.finish = std::move(finish), .status = body.status};
}

RetryClaim retry_of(const Core& core, const ClaimedCall& call, const Ending& ending) {
  return {.request_id = call.claim.request_id,
          .token = call.claim.token,
          .retry_at = next_attempt_at(core, call.signal.attempt, ending.retry_after),
          .failure = failure_of(core, call.signal, ending)};
}

Action action_after(const Core& core, const ToolSignal& signal, Outcome outcome) {
  RetryQuestion question;
  question.outcome = outcome;
  question.attempt = signal.attempt;
  question.max_attempts = signal.max_attempts;
  if (const auto settings = core.registry.settings(signal.server_id)) {
    question.policy = settings->retry;
    question.retry_tool_errors = settings->retry_tool_errors;
  }
  const auto catalogue = core.registry.catalogue();
  if (const auto* tool = catalogue->find(signal.server_id, signal.tool_id))
    question.annotations = tool->annotations;
  return decide(question);
}

std::string schema_error(const Core& core, const ToolSignal& signal) {
  const auto catalogue = core.registry.catalogue();
  const auto* tool = catalogue->find(signal.server_id, signal.tool_id);
  if (tool == nullptr) return {};
  const auto schema = parse_json(tool->input_schema);
  const auto params = parse_json(signal.params.empty() ? "{}" : signal.params);
  if (!schema || !params) return {};
  std::vector<std::string> reasons;
  for (const std::string& name : missing_arguments(*schema, *params)) reasons.push_back(name + " is missing");
  for (const auto& refused : refused_arguments(*schema, *params))
    reasons.push_back(
        fmt::format("{}: {}", refused.name.empty() ? "the arguments" : refused.name, refused.why));
  if (reasons.empty()) return {};
  return fmt::format("schema error: {} on {} does not take these arguments: {}", signal.tool_id,
                     signal.server_id, fmt::join(reasons, "; "));
}

std::vector<TopicMessage> end_messages(const Core& core, const Envelope& envelope, const WrittenEnd& end) {
  std::vector<TopicMessage> messages;
  messages.push_back(
      core.message(TopicRole::results, envelope, to_string(end.status), end.finish.result_json));
  const auto& letter = end.finish.dead_letter_json;
  if (!letter.empty()) messages.push_back(dead_letter_message(core, envelope, letter));
  return messages;
}

std::vector<TopicMessage> end_messages_again(const Core& core, const Envelope& envelope,
                                             const TakenClaim& claim, const Message& copy) {
  const auto letter = parse_dead_letter(claim.dead_letter_json);
  const bool of_another = letter && !letter->message_id.empty() && letter->message_id != copy.id.to_string();
  const auto result = parse_result(claim.result_json);
  WrittenEnd end;
  end.finish.result_json = claim.result_json;
  if (result) end.status = result->status;
  if (!of_another) end.finish.dead_letter_json = claim.dead_letter_json;
  return end_messages(core, envelope, end);
}

}  // namespace geminga::orchestrator
