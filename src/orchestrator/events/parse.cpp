#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/try.hpp"
#include "orchestrator/events/events.hpp"
#include "orchestrator/events/schemas.hpp"

// What is taken here has passed the schema, so a member that is there has its type.
namespace geminga::orchestrator {
namespace {

using nlohmann::json;

std::string text_of(const json& event, const char* name) {
  const auto member = event.find(name);
  return member == event.end() ? std::string{} : member->get<std::string>();
}

std::optional<std::string> optional_text(const json& event, const char* name) {
  const auto member = event.find(name);
  if (member == event.end()) return std::nullopt;
  return member->get<std::string>();
}

JsonText object_text(const json& event, const char* name) {
  const auto member = event.find(name);
  return member == event.end() ? JsonText{} : member->dump();
}

Timestamp time_of(const json& event, const char* name) {
  const auto time = base::parse_iso8601(event.at(name).get_ref<const std::string&>());
  GEMINGA_ASSERT(time.has_value());
  return *time;
}

HopTime hop_time_of(const json& event, const char* name) {
  const auto time = parse_hop_time(event.at(name).get_ref<const std::string&>());
  GEMINGA_ASSERT(time.has_value());
  return *time;
}

std::uint32_t count_of(const json& event, const char* name, std::uint32_t otherwise) {
  const auto member = event.find(name);
  return member == event.end() ? otherwise : static_cast<std::uint32_t>(member->get<double>());
}

std::vector<PlanStep> steps_of(const json& list) {
  std::vector<PlanStep> steps;
  steps.reserve(list.size());
  for (const json& step : list) {
    steps.push_back({.step_id = optional_text(step, "stepId"),
                     .description = text_of(step, "description"),
                     .tool_id = optional_text(step, "toolId"),
                     .server_id = optional_text(step, "serverId"),
                     .params = object_text(step, "params")});
  }
  return steps;
}

std::vector<FailedAttempt> attempts_of(const json& list) {
  std::vector<FailedAttempt> attempts;
  attempts.reserve(list.size());
  for (const json& attempt : list)
    attempts.push_back({.time = time_of(attempt, "time"), .error = text_of(attempt, "error")});
  return attempts;
}

ResultStatus status_of(std::string_view text) {
  if (text == "tool") return ResultStatus::tool;
  return text == "plan" ? ResultStatus::plan : ResultStatus::failed;
}

constexpr std::array<Outcome, 9> kOutcomes = {
    Outcome::ok,    Outcome::no_match,        Outcome::tool_error,    Outcome::not_executed, Outcome::limited,
    Outcome::final, Outcome::outcome_unknown, Outcome::unknown_error, Outcome::cancelled};

Outcome outcome_of(std::string_view text) {
  const auto* found =
      std::ranges::find_if(kOutcomes, [&](Outcome outcome) { return to_string(outcome) == text; });
  GEMINGA_ASSERT(found != kOutcomes.end());
  return *found;
}

/// The original of a dead letter: a JSON value other than a string stands for its own text.
Result<std::string> original_of(const json& event) {
  if (const auto encoded = event.find("eventBase64"); encoded != event.end()) {
    auto bytes = base::from_base64(encoded->get_ref<const std::string&>());
    if (!bytes) return fail(ErrorCode::schema_mismatch, "DeadLetter: eventBase64: " + bytes.error().message);
    return *std::move(bytes);
  }
  const auto original = event.find("event");
  if (original == event.end())
    return fail(ErrorCode::schema_mismatch, "DeadLetter: found neither, expected event or eventBase64");
  return original->is_string() ? original->get<std::string>() : original->dump();
}

}  // namespace

Result<UserRequest> parse_user_request(std::string_view text) {
  GEMINGA_TRY(const json event, parse_checked(EventKind::user_request, text));
  return UserRequest{.request_id = text_of(event, "requestId"),
                     .normalized_query = text_of(event, "normalizedQuery"),
                     .session_id = optional_text(event, "sessionId"),
                     .context_snapshot = object_text(event, "contextSnapshot"),
                     .metadata = object_text(event, "metadata"),
                     .timestamp = time_of(event, "timestamp")};
}

Result<ToolSignal> parse_tool_signal(std::string_view text) {
  GEMINGA_TRY(const json event, parse_checked(EventKind::tool_signal, text));
  const ToolSignal defaults;
  return ToolSignal{.request_id = text_of(event, "requestId"),
                    .tool_id = text_of(event, "toolId"),
                    .server_id = text_of(event, "serverId"),
                    .params = object_text(event, "params"),
                    .confidence = event.at("confidence").get<double>(),
                    .attempt = count_of(event, "attempt", defaults.attempt),
                    .max_attempts = count_of(event, "maxAttempts", defaults.max_attempts),
                    .last_error = optional_text(event, "lastError"),
                    .timestamp = time_of(event, "timestamp")};
}

Result<Plan> parse_plan(std::string_view text) {
  GEMINGA_TRY(const json event, parse_checked(EventKind::plan, text));
  Plan plan{.request_id = text_of(event, "requestId"),
            .plan = steps_of(event.at("plan")),
            .metadata = object_text(event, "metadata"),
            .timestamp = time_of(event, "timestamp")};
  if (event.contains("requiresOrchestration"))
    plan.requires_orchestration = event["requiresOrchestration"].get<bool>();
  if (event.contains("steps")) plan.steps = event["steps"].get<std::vector<std::string>>();
  if (event.contains("confidence")) plan.confidence = event["confidence"].get<double>();
  return plan;
}

Result<ResultEvent> parse_result(std::string_view text) {
  GEMINGA_TRY(const json event, parse_checked(EventKind::result, text));
  ResultEvent result{.request_id = text_of(event, "requestId"),
                     .status = status_of(text_of(event, "status")),
                     .tool = optional_text(event, "tool"),
                     .tool_path = optional_text(event, "toolPath"),
                     .result = object_text(event, "result"),
                     .error = optional_text(event, "error"),
                     .timestamp = time_of(event, "timestamp")};
  if (event.contains("plan")) result.plan = steps_of(event["plan"]);
  return result;
}

Result<DeadLetter> parse_dead_letter(std::string_view text) {
  GEMINGA_TRY(const json event, parse_checked(EventKind::dead_letter, text));
  GEMINGA_TRY(std::string original, original_of(event));
  return DeadLetter{.request_id = text_of(event, "requestId"),
                    .tool_id = optional_text(event, "toolId"),
                    .server_id = optional_text(event, "serverId"),
                    .reason = text_of(event, "reason"),
                    .attempts = attempts_of(event.at("attempts")),
                    .topic = text_of(event, "topic"),
                    .message_id = optional_text(event, "messageId").value_or(""),
                    .event = std::move(original),
                    .timestamp = time_of(event, "timestamp")};
}

Result<Execution> parse_execution(std::string_view text) {
  GEMINGA_TRY(const json event, parse_checked(EventKind::execution, text));
  return Execution{.request_id = text_of(event, "requestId"),
                   .step = text_of(event, "step"),
                   .attempt = count_of(event, "attempt", 0),
                   .role = optional_text(event, "role"),
                   .server_id = optional_text(event, "serverId"),
                   .tool_id = optional_text(event, "toolId"),
                   .arguments_hash = optional_text(event, "argumentsHash"),
                   .started_at = hop_time_of(event, "startedAt"),
                   .ended_at = hop_time_of(event, "endedAt"),
                   .outcome = outcome_of(text_of(event, "outcome")),
                   .error = optional_text(event, "error")};
}

Result<WebhookEvent> parse_webhook(std::string_view text) {
  GEMINGA_TRY(const json event, parse_checked(EventKind::webhook, text));
  return WebhookEvent{.request_id = text_of(event, "requestId"),
                      .job_id = text_of(event, "jobId"),
                      .generation = count_of(event, "generation", 0),
                      .url = text_of(event, "url"),
                      .attempt = count_of(event, "attempt", 0),
                      .failures = attempts_of(event.at("failures")),
                      .timestamp = time_of(event, "timestamp")};
}

}  // namespace geminga::orchestrator
