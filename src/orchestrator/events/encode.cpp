#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/utf8.hpp"
#include "orchestrator/events/events.hpp"
#include "orchestrator/events/schema_check.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

std::string json_string(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Writes one object on one line, in the order of the calls.
class ObjectWriter {
 public:
  ObjectWriter& text(std::string_view name, std::string_view value) { return put(name, json_string(value)); }
  ObjectWriter& maybe(std::string_view name, const std::optional<std::string>& value) {
    return value ? text(name, *value) : *this;
  }
  ObjectWriter& time(std::string_view name, Timestamp value) { return text(name, base::to_iso8601(value)); }
  ObjectWriter& number(std::string_view name, double value) { return put(name, json(value).dump()); }
  ObjectWriter& count(std::string_view name, std::uint32_t value) { return put(name, std::to_string(value)); }
  ObjectWriter& flag(std::string_view name, bool value) { return put(name, value ? "true" : "false"); }
  /// JSON text as it is; nothing where it is empty.
  ObjectWriter& json_text(std::string_view name, std::string value) {
    if (value.empty()) return *this;
    // In valid JSON a line break can only stand between tokens, so that a blank means the same.
    for (char& c : value)
      if (c == '\n' || c == '\r') c = ' ';
    return put(name, value);
  }
  [[nodiscard]] std::string done() {
    if (out_.empty()) out_ = "{";
    return std::move(out_) + "}";
  }

 private:
  ObjectWriter& put(std::string_view name, std::string_view value) {
    out_ += out_.empty() ? '{' : ',';
    out_ += json_string(name);
    out_ += ':';
    out_ += value;
    return *this;
  }
  std::string out_;
};

std::string array_of(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    out += item;
  }
  return out + "]";
}

std::string step_json(const PlanStep& step) {
  return ObjectWriter()
      .maybe("stepId", step.step_id)
      .text("description", step.description)
      .maybe("toolId", step.tool_id)
      .maybe("serverId", step.server_id)
      .json_text("params", step.params)
      .done();
}

std::string attempts_json(const std::vector<FailedAttempt>& attempts) {
  std::vector<std::string> list;
  list.reserve(attempts.size());
  for (const FailedAttempt& attempt : attempts)
    list.push_back(ObjectWriter().time("time", attempt.time).text("error", attempt.error).done());
  return array_of(list);
}

void write_original(ObjectWriter& out, const std::string& original) {
  const auto value = parse_json(original);
  if (value && value->is_object())
    out.json_text("event", original);
  else if (base::is_utf8(original))
    out.text("event", std::string_view(original));
  else
    out.text("eventBase64", base::to_base64(original));
}

constexpr std::array<std::string_view, 3> kStatusNames = {"tool", "plan", "failed"};
constexpr std::array<std::string_view, 9> kOutcomeNames = {
    "ok",    "no_match",        "tool_error",    "not_executed", "limited",
    "final", "outcome_unknown", "unknown_error", "cancelled"};

}  // namespace

std::string_view to_string(ResultStatus status) noexcept {
  return kStatusNames[static_cast<std::size_t>(status)];
}

std::string_view to_string(Outcome outcome) noexcept {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

std::string to_json(const UserRequest& event) {
  return ObjectWriter()
      .text("requestId", event.request_id)
      .text("normalizedQuery", event.normalized_query)
      .maybe("sessionId", event.session_id)
      .json_text("contextSnapshot", event.context_snapshot)
      .json_text("metadata", event.metadata)
      .time("timestamp", event.timestamp)
      .done();
}

std::string to_json(const ToolSignal& event) {
  return ObjectWriter()
      .text("requestId", event.request_id)
      .text("toolId", event.tool_id)
      .text("serverId", event.server_id)
      .json_text("params", event.params)
      .number("confidence", event.confidence)
      .text("status", "TOOL_READY")
      .count("attempt", event.attempt)
      .count("maxAttempts", event.max_attempts)
      .maybe("lastError", event.last_error)
      .time("timestamp", event.timestamp)
      .done();
}

std::string to_json(const std::vector<PlanStep>& plan) {
  std::vector<std::string> steps;
  steps.reserve(plan.size());
  for (const PlanStep& step : plan) steps.push_back(step_json(step));
  return array_of(steps);
}

std::string to_json(const Plan& event) {
  ObjectWriter out;
  out.text("requestId", event.request_id).json_text("plan", to_json(event.plan));
  if (event.requires_orchestration) out.flag("requiresOrchestration", *event.requires_orchestration);
  if (event.steps) {
    std::vector<std::string> steps;
    steps.reserve(event.steps->size());
    for (const std::string& step : *event.steps) steps.push_back(json_string(step));
    out.json_text("steps", array_of(steps));
  }
  if (event.confidence) out.number("confidence", *event.confidence);
  return out.json_text("metadata", event.metadata).time("timestamp", event.timestamp).done();
}

std::string to_json(const ResultEvent& event) {
  ObjectWriter out;
  out.text("requestId", event.request_id)
      .text("status", to_string(event.status))
      .maybe("tool", event.tool)
      .maybe("toolPath", event.tool_path)
      .json_text("result", event.result);
  if (event.plan) out.json_text("plan", to_json(*event.plan));
  return out.maybe("error", event.error).time("timestamp", event.timestamp).done();
}

std::string to_json(const DeadLetter& event) {
  ObjectWriter out;
  out.text("requestId", event.request_id)
      .maybe("toolId", event.tool_id)
      .maybe("serverId", event.server_id)
      .text("reason", event.reason);
  out.json_text("attempts", attempts_json(event.attempts)).text("topic", event.topic);
  if (!event.message_id.empty()) out.text("messageId", event.message_id);
  write_original(out, event.event);
  return out.time("timestamp", event.timestamp).done();
}

std::string to_json(const Execution& event) {
  return ObjectWriter()
      .text("requestId", event.request_id)
      .text("step", event.step)
      .count("attempt", event.attempt)
      .maybe("role", event.role)
      .maybe("serverId", event.server_id)
      .maybe("toolId", event.tool_id)
      .maybe("argumentsHash", event.arguments_hash)
      .text("startedAt", hop_time_text(event.started_at))
      .text("endedAt", hop_time_text(event.ended_at))
      .text("outcome", to_string(event.outcome))
      .maybe("error", event.error)
      .done();
}

std::string to_json(const WebhookEvent& event) {
  return ObjectWriter()
      .text("requestId", event.request_id)
      .text("jobId", event.job_id)
      .count("generation", event.generation)
      .text("url", event.url)
      .count("attempt", event.attempt)
      .json_text("failures", attempts_json(event.failures))
      .time("timestamp", event.timestamp)
      .done();
}

}  // namespace geminga::orchestrator
