#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>
#include <geminga/types.hpp>

#include "orchestrator/events/hop_time.hpp"

/// What travels on the topics of the orchestrator: JSON objects with camelCase names. Pure values; any
/// thread.
///
/// A member called JsonText holds the text of one JSON value and is empty where the event has none. to_json()
/// writes it as it stands, so it must be valid JSON (what came from a parse here or from the MCP client is).
/// Unknown members of an event are allowed and dropped, so that old and new versions can run side by side.
namespace geminga::orchestrator {

using JsonText = std::string;

enum class EventKind : std::uint8_t {
  user_request,
  tool_signal,
  plan,
  result,
  dead_letter,
  execution,
  webhook
};
inline constexpr std::size_t kEventKindCount = 7;
/// "UserRequest", ...
std::string_view to_string(EventKind kind) noexcept;

/// A sentence that ingress accepted.
struct UserRequest {
  std::string request_id{};
  std::string normalized_query{};
  std::optional<std::string> session_id{};
  JsonText context_snapshot{};  ///< object
  JsonText metadata{};          ///< object
  Timestamp timestamp{};
  bool operator==(const UserRequest&) const = default;
};

/// A tool is chosen and may be called. Its `status` is always "TOOL_READY".
struct ToolSignal {
  std::string request_id{};
  std::string tool_id{};
  std::string server_id{};
  JsonText params{};               ///< object
  double confidence = 0;           ///< 0 to 1
  std::uint32_t attempt = 0;       ///< 0 for the first call
  std::uint32_t max_attempts = 3;  ///< at least 1
  std::optional<std::string> last_error{};
  Timestamp timestamp{};
  bool operator==(const ToolSignal&) const = default;
};

struct PlanStep {
  std::optional<std::string> step_id{};
  std::string description{};
  std::optional<std::string> tool_id{};
  std::optional<std::string> server_id{};
  JsonText params{};  ///< object
  bool operator==(const PlanStep&) const = default;
};

/// The answer where no tool was chosen.
struct Plan {
  std::string request_id{};
  std::vector<PlanStep> plan{};
  std::optional<bool> requires_orchestration{};
  std::optional<std::vector<std::string>> steps{};
  std::optional<double> confidence{};  ///< 0 to 1
  JsonText metadata{};                 ///< object
  Timestamp timestamp{};
  bool operator==(const Plan&) const = default;
};

enum class ResultStatus : std::uint8_t { tool, plan, failed };
std::string_view to_string(ResultStatus status) noexcept;

/// How a request ended.
struct ResultEvent {
  std::string request_id{};
  ResultStatus status = ResultStatus::failed;
  std::optional<std::string> tool{};
  std::optional<std::string> tool_path{};  ///< "serverId/toolId"
  JsonText result{};                       ///< {"content": [...], "isError": bool, "structuredContent"?: any}
  std::optional<std::vector<PlanStep>> plan{};
  std::optional<std::string> error{};
  Timestamp timestamp{};
  bool operator==(const ResultEvent&) const = default;
};

struct FailedAttempt {
  Timestamp time{};
  std::string error{};
  bool operator==(const FailedAttempt&) const = default;
};

/// What could not be done, with the reasons and all that is needed to try it again.
struct DeadLetter {
  std::string request_id{};  ///< may be empty: an event that does not fit its schema may have none
  std::optional<std::string> tool_id{};
  std::optional<std::string> server_id{};
  std::string reason{};
  std::vector<FailedAttempt> attempts{};  ///< oldest first
  std::string topic{};                    ///< where the original came from
  std::string message_id{};               ///< of the original there; empty: written before letters had it
  /// The bytes of the original. On the wire: `event` (the object itself, or a string where it is no JSON
  /// object), or `eventBase64` where it is no UTF-8 either. An object comes back as equal JSON, not as equal
  /// bytes.
  std::string event{};
  Timestamp timestamp{};
  bool operator==(const DeadLetter&) const = default;
};

/// How a hop or a tool call ended. The names on the wire are the same.
enum class Outcome : std::uint8_t {
  ok,
  no_match,         ///< the matcher found no tool
  tool_error,       ///< the tool answered with isError
  not_executed,     ///< it never reached the tool
  limited,          ///< handed back by our own limit; no attempt spent
  final,            ///< would fail again
  outcome_unknown,  ///< it left and no answer came
  unknown_error,
  cancelled,
};
std::string_view to_string(Outcome outcome) noexcept;

/// One hop or one tool call of a request: timings, live events and audit read these.
struct Execution {
  std::string request_id{};
  std::string step{};                 ///< "ingress", "matcher", "fallback", "coordinator", or a plan's stepId
  std::uint32_t attempt = 0;          ///< 0 for the first
  std::optional<std::string> role{};  ///< who has asked; nothing: authentication was off
  std::optional<std::string> server_id{};
  std::optional<std::string> tool_id{};
  std::optional<std::string> arguments_hash{};
  HopTime started_at{};
  HopTime ended_at{};
  Outcome outcome = Outcome::ok;
  std::optional<std::string> error{};
  bool operator==(const Execution&) const = default;
};

/// Somebody wants to be told of the end of a job.
struct WebhookEvent {
  std::string request_id{};
  std::string job_id{};
  std::uint32_t generation = 0;  ///< whose end
  std::string url{};
  std::uint32_t attempt = 0;              ///< 0 for the first
  std::vector<FailedAttempt> failures{};  ///< of the attempts before, oldest first
  Timestamp timestamp{};
  bool operator==(const WebhookEvent&) const = default;
};

/// One line of JSON; times in UTC with milliseconds, those of hops with microseconds. Bytes that are no UTF-8
/// become U+FFFD.
std::string to_json(const UserRequest& event);
std::string to_json(const ToolSignal& event);
std::string to_json(const Plan& event);
std::string to_json(const ResultEvent& event);
std::string to_json(const DeadLetter& event);
std::string to_json(const Execution& event);
std::string to_json(const WebhookEvent& event);
/// A JSON array, as in the `plan` of an answer.
std::string to_json(const std::vector<PlanStep>& plan);

/// Errors: schema_mismatch, with the path, what was found and what is expected. Text that is no JSON is a
/// mismatch too; nothing that a peer sends gives another error.
Result<UserRequest> parse_user_request(std::string_view text);
Result<ToolSignal> parse_tool_signal(std::string_view text);
Result<Plan> parse_plan(std::string_view text);
Result<ResultEvent> parse_result(std::string_view text);
Result<DeadLetter> parse_dead_letter(std::string_view text);
Result<Execution> parse_execution(std::string_view text);
Result<WebhookEvent> parse_webhook(std::string_view text);

/// The JSON Schema (draft 2020-12) of an event, as it is registered with the topic. The parsers above check
/// exactly this document. Lives for ever.
std::string_view json_schema(EventKind kind) noexcept;
/// Checks a text against the schema of its kind without keeping it. Errors: schema_mismatch.
Result<> check_event(EventKind kind, std::string_view text);

}  // namespace geminga::orchestrator
