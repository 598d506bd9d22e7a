#include "orchestrator/events/events.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

const Timestamp kNow{std::chrono::milliseconds{1'763'755'200'123}};

std::vector<PlanStep> two_steps() {
  return {{.step_id = "s1",
           .description = "look it up",
           .tool_id = "search",
           .server_id = "web",
           .params = R"({"query":"x"})"},
          {.description = "say it"}};
}

TEST(Events, UserRequestKeepsEveryField) {
  const UserRequest event{.request_id = "r-1",
                          .normalized_query = "what is \"that\"\n\xE2\x82\xAC?",
                          .session_id = "s",
                          .context_snapshot = R"({"a":[1,2.5,null]})",
                          .metadata = R"({"userId":"u"})",
                          .timestamp = kNow};
  EXPECT_EQ(parse_user_request(to_json(event)).value(), event);
  const UserRequest small{.request_id = "r", .normalized_query = "", .timestamp = kNow};
  EXPECT_EQ(to_json(small),
            R"({"requestId":"r","normalizedQuery":"","timestamp":"2025-11-21T20:00:00.123Z"})");
  EXPECT_EQ(parse_user_request(to_json(small)).value(), small);
}

TEST(Events, ToolSignalKeepsEveryField) {
  const ToolSignal event{.request_id = "r",
                         .tool_id = "echo",
                         .server_id = "everything",
                         .params = R"({"message":"hi"})",
                         .confidence = 0.85,
                         .attempt = 2,
                         .max_attempts = 5,
                         .last_error = "it died",
                         .timestamp = kNow};
  EXPECT_EQ(parse_tool_signal(to_json(event)).value(), event);
  EXPECT_EQ(json::parse(to_json(event))["status"], "TOOL_READY");
}

TEST(Events, ToolSignalDefaults) {
  const auto event = parse_tool_signal(
      R"({"requestId":"r","toolId":"t","serverId":"s","confidence":1,"status":"TOOL_READY",)"
      R"("timestamp":"2026-11-21T20:15:03+02:00"})");
  ASSERT_TRUE(event.has_value()) << event.error().message;
  EXPECT_EQ(event->attempt, 0U);
  EXPECT_EQ(event->max_attempts, 3U);
  EXPECT_EQ(event->params, "");
  EXPECT_EQ(json::parse(to_json(*event))["timestamp"], "2026-11-21T18:15:03.000Z");
}

TEST(Events, PlanKeepsEveryField) {
  const Plan event{.request_id = "r",
                   .plan = two_steps(),
                   .requires_orchestration = true,
                   .steps = std::vector<std::string>{"one", "two"},
                   .confidence = 0.25,
                   .metadata = R"({"model":"none"})",
                   .timestamp = kNow};
  EXPECT_EQ(parse_plan(to_json(event)).value(), event);
  const Plan empty{.request_id = "r", .timestamp = kNow};
  EXPECT_EQ(parse_plan(to_json(empty)).value(), empty);
}

TEST(Events, ResultKeepsEveryField) {
  const ResultEvent tool{.request_id = "r",
                         .status = ResultStatus::tool,
                         .tool = "echo",
                         .tool_path = "everything/echo",
                         .result = R"({"content":[{"text":"hi","type":"text"}],"isError":false})",
                         .timestamp = kNow};
  EXPECT_EQ(parse_result(to_json(tool)).value(), tool);
  const ResultEvent plan{
      .request_id = "r", .status = ResultStatus::plan, .plan = two_steps(), .timestamp = kNow};
  EXPECT_EQ(parse_result(to_json(plan)).value(), plan);
  const ResultEvent failed{
      .request_id = "r", .status = ResultStatus::failed, .error = "no", .timestamp = kNow};
  EXPECT_EQ(parse_result(to_json(failed)).value(), failed);
}

TEST(Events, ExecutionKeepsEveryFieldAndEveryOutcome) {
  for (int i = 0; i <= static_cast<int>(Outcome::cancelled); ++i) {
    const Execution event{.request_id = "r",
                          .step = "coordinator",
                          .attempt = 1,
                          .role = "alice",
                          .server_id = "s",
                          .tool_id = "t",
                          .arguments_hash = "ab12",
                          .started_at = kNow,
                          .ended_at = kNow + std::chrono::microseconds{7'042},
                          .outcome = static_cast<Outcome>(i),
                          .error = "e"};
    EXPECT_EQ(parse_execution(to_json(event)).value(), event);
  }
}

WebhookEvent webhook() {
  return {.request_id = "r",
          .job_id = "j",
          .generation = 2,
          .url = "https://example.com/hook",
          .attempt = 1,
          .failures = {{kNow, "HTTP 500"}},
          .timestamp = kNow};
}

TEST(Events, WebhookKeepsEveryField) {
  EXPECT_EQ(parse_webhook(to_json(webhook())).value(), webhook());
}

TEST(Events, DeadLetterKeepsTheOriginalWhateverItWas) {
  DeadLetter letter{.request_id = "r",
                    .tool_id = "t",
                    .server_id = "s",
                    .reason = "exhausted",
                    .attempts = {{kNow, "first"}, {kNow + std::chrono::seconds{5}, "second"}},
                    .topic = "persistent://mcp-core/orchestrator/tool-signals",
                    .message_id = "3:14:-1",
                    .timestamp = kNow};
  const std::string originals[] = {R"({"a":1})",
                                   "",
                                   "not JSON at all",
                                   "[1,2]",
                                   "\"text\"",
                                   "42",
                                   std::string("\xFF\x00\x01", 3),
                                   std::string(5'000, '[')};
  for (const std::string& original : originals) {
    letter.event = original;
    EXPECT_EQ(parse_dead_letter(to_json(letter)).value(), letter);
  }
  letter.event = R"({"a":1})";
  EXPECT_TRUE(json::parse(to_json(letter))["event"].is_object());
}

TEST(Events, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  const UserRequest event{.request_id = "r",
                          .normalized_query =
                              "a\xFF"
                              "b",
                          .timestamp = kNow};
  EXPECT_EQ(parse_user_request(to_json(event)).value().normalized_query,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Events, JsonTextOfSeveralLinesStaysOnOneLine) {
  const ResultEvent event{.request_id = "r",
                          .status = ResultStatus::tool,
                          .result = "{\r\n  \"content\": [\"a\\nb\"]\n}",
                          .timestamp = kNow};
  EXPECT_EQ(to_json(event).find('\n'), std::string::npos);
  EXPECT_EQ(parse_result(to_json(event)).value().result, R"({"content":["a\nb"]})");
}

/// A good event of each kind, then one change to it and what the error must say.
struct Row {
  EventKind kind;
  const char* pointer;      ///< JSON pointer of the member that is changed
  const char* replacement;  ///< JSON text; nullptr removes the member
  const char* message;      ///< nullptr: still good
};

json good(EventKind kind) {
  const std::string params = R"({"x":1})";
  switch (kind) {
    case EventKind::user_request:
      return json::parse(to_json(UserRequest{.request_id = "r",
                                             .normalized_query = "q",
                                             .session_id = "s",
                                             .context_snapshot = params,
                                             .metadata = params,
                                             .timestamp = kNow}));
    case EventKind::tool_signal:
      return json::parse(to_json(ToolSignal{.request_id = "r",
                                            .tool_id = "t",
                                            .server_id = "s",
                                            .params = params,
                                            .confidence = 0.5,
                                            .last_error = "e",
                                            .timestamp = kNow}));
    case EventKind::plan:
      return json::parse(to_json(Plan{.request_id = "r",
                                      .plan = two_steps(),
                                      .requires_orchestration = false,
                                      .steps = std::vector<std::string>{"a"},
                                      .confidence = 0.1,
                                      .metadata = params,
                                      .timestamp = kNow}));
    case EventKind::result:
      return json::parse(to_json(ResultEvent{.request_id = "r",
                                             .status = ResultStatus::tool,
                                             .tool = "t",
                                             .tool_path = "s/t",
                                             .result = R"({"content":[],"isError":true})",
                                             .plan = two_steps(),
                                             .error = "e",
                                             .timestamp = kNow}));
    case EventKind::dead_letter:
      return json::parse(to_json(DeadLetter{.request_id = "",
                                            .reason = "why",
                                            .attempts = {{kNow, "e"}},
                                            .topic = "t",
                                            .event = params,
                                            .timestamp = kNow}));
    case EventKind::execution:
      return json::parse(
          to_json(Execution{.request_id = "r", .step = "matcher", .started_at = kNow, .ended_at = kNow}));
    case EventKind::webhook:
      return json::parse(to_json(webhook()));
  }
  return {};
}

Result<> parse_as(EventKind kind, std::string_view text) {
  const auto drop = [](auto parsed) -> Result<> {
    if (!parsed) return std::unexpected(parsed.error());
    return {};
  };
  switch (kind) {
    case EventKind::user_request:
      return drop(parse_user_request(text));
    case EventKind::tool_signal:
      return drop(parse_tool_signal(text));
    case EventKind::plan:
      return drop(parse_plan(text));
    case EventKind::result:
      return drop(parse_result(text));
    case EventKind::dead_letter:
      return drop(parse_dead_letter(text));
    case EventKind::execution:
      return drop(parse_execution(text));
    case EventKind::webhook:
      return drop(parse_webhook(text));
  }
  return fail(ErrorCode::internal, "no such kind");
}

constexpr Row kRows[] = {
    {EventKind::user_request, "/extra", "1", nullptr},  // unknown members pass
    {EventKind::user_request, "/sessionId", nullptr, nullptr},
    {EventKind::user_request, "/normalizedQuery", R"("")", nullptr},
    {EventKind::user_request, "/requestId", nullptr,
     "requestId: found nothing, expected a member of type string"},
    {EventKind::user_request, "/requestId", "7",
     "requestId: found the number 7, expected a value of type string"},
    {EventKind::user_request, "/requestId", R"("")", "expected a string that is not empty"},
    {EventKind::user_request, "/normalizedQuery", "null", "normalizedQuery: found null"},
    {EventKind::user_request, "/sessionId", "[]", "sessionId: found an array of 0"},
    {EventKind::user_request, "/contextSnapshot", R"("x")", "expected a value of type object"},
    {EventKind::user_request, "/metadata", "[]", "metadata: found an array"},
    {EventKind::user_request, "/timestamp", R"("yesterday")", R"(timestamp: found the string "yesterday")"},
    {EventKind::user_request, "/timestamp", "1763755200", "timestamp: found the number 1763755200"},
    {EventKind::tool_signal, "/confidence", "1", nullptr},
    {EventKind::tool_signal, "/attempt", "2.0", nullptr},  // JSON Schema: a whole number
    {EventKind::tool_signal, "/confidence", "1.01", "confidence: found the number 1.01, expected at most 1"},
    {EventKind::tool_signal, "/confidence", "-0.1", "expected at least 0"},
    {EventKind::tool_signal, "/confidence", R"("high")", "expected a value of type number"},
    {EventKind::tool_signal, "/confidence", nullptr, "confidence: found nothing"},
    {EventKind::tool_signal, "/status", R"("READY")", R"(expected "TOOL_READY")"},
    {EventKind::tool_signal, "/status", nullptr, "status: found nothing"},
    {EventKind::tool_signal, "/toolId", R"("")", "toolId"},
    {EventKind::tool_signal, "/serverId", nullptr, "serverId: found nothing"},
    {EventKind::tool_signal, "/attempt", "-1", "attempt: found the number -1, expected at least 0"},
    {EventKind::tool_signal, "/attempt", "1.5", "expected a value of type integer"},
    {EventKind::tool_signal, "/attempt", "4294967296", "expected at most 4294967295"},
    {EventKind::tool_signal, "/maxAttempts", "0", "expected at least 1"},
    {EventKind::tool_signal, "/lastError", "{}", "lastError: found an object"},
    {EventKind::plan, "/plan", "[]", nullptr},
    {EventKind::plan, "/plan", "{}", "plan: found an object, expected a value of type array"},
    {EventKind::plan, "/plan/1/description", nullptr, "plan[1].description: found nothing"},
    {EventKind::plan, "/plan/0/params", "3", "plan[0].params: found the number 3"},
    {EventKind::plan, "/plan/0", R"("x")",
     "plan[0]: found the string \"x\", expected a value of type object"},
    {EventKind::plan, "/requiresOrchestration", R"("yes")", "expected a value of type boolean"},
    {EventKind::plan, "/steps/0", "1", "steps[0]: found the number 1"},
    {EventKind::plan, "/confidence", "2", "expected at most 1"},
    {EventKind::result, "/status", R"("plan")", nullptr},
    {EventKind::result, "/status", R"("done")", R"(expected one of "tool", "plan", "failed")"},
    {EventKind::result, "/result/content", "{}", "result.content: found an object"},
    {EventKind::result, "/result/isError", "0", "result.isError: found the number 0"},
    {EventKind::result, "/result", "[]", "result: found an array"},
    {EventKind::result, "/error", "false", "error: found false"},
    {EventKind::dead_letter, "/event", "[1]", nullptr},
    {EventKind::dead_letter, "/reason", R"("")", "reason"},
    {EventKind::dead_letter, "/attempts/0/time", "0", "attempts[0].time: found the number 0"},
    {EventKind::dead_letter, "/attempts/0/error", nullptr, "attempts[0].error: found nothing"},
    {EventKind::dead_letter, "/topic", nullptr, "topic: found nothing"},
    {EventKind::execution, "/outcome", R"("great")", "outcome: found the string \"great\", expected one of"},
    {EventKind::execution, "/startedAt", nullptr, "startedAt: found nothing"},
    {EventKind::execution, "/attempt", "true", "attempt: found true"},
    {EventKind::webhook, "/failures", "[]", nullptr},
    {EventKind::webhook, "/jobId", nullptr, "jobId: found nothing"},
    {EventKind::webhook, "/url", R"("")", "url"},
    {EventKind::webhook, "/generation", "-1", "expected at least 0"},
    {EventKind::webhook, "/failures/0/error", nullptr, "failures[0].error: found nothing"},
};

TEST(Events, ParseAndSchemaAgreeOnGoodAndBad) {
  for (const Row& row : kRows) {
    json event = good(row.kind);
    const json::json_pointer pointer(row.pointer);
    if (row.replacement == nullptr)
      event.at(pointer.parent_pointer()).erase(pointer.back());
    else
      event[pointer] = json::parse(row.replacement);
    const std::string text = event.dump();
    const auto parsed = parse_as(row.kind, text);
    const auto checked = check_event(row.kind, text);
    ASSERT_EQ(parsed.has_value(), checked.has_value()) << text;
    ASSERT_EQ(parsed.has_value(), row.message == nullptr) << text;
    if (parsed) continue;
    EXPECT_EQ(parsed.error().message, checked.error().message);
    EXPECT_EQ(parsed.error().code, ErrorCode::schema_mismatch);
    EXPECT_NE(parsed.error().message.find(row.message), std::string::npos) << parsed.error().message;
    EXPECT_TRUE(parsed.error().message.starts_with(to_string(row.kind))) << parsed.error().message;
  }
}

TEST(Events, TextThatIsNoEventIsAMismatchForEveryKind) {
  const std::string texts[] = {"",
                               "x",
                               "{",
                               "[]",
                               "null",
                               "\"a\"",
                               "{}",
                               "\xFF",
                               "{\"requestId\":1e999}",
                               std::string(100'000, '['),
                               R"({"requestId":"r)" + std::string("\0", 1) + "\"}"};
  for (std::size_t kind = 0; kind < kEventKindCount; ++kind) {
    for (const std::string& text : texts) {
      const auto parsed = parse_as(static_cast<EventKind>(kind), text);
      ASSERT_FALSE(parsed.has_value()) << text;
      EXPECT_EQ(parsed.error().code, ErrorCode::schema_mismatch);
      EXPECT_FALSE(check_event(static_cast<EventKind>(kind), text).has_value());
    }
  }
}

TEST(Events, ErrorsShowNoMoreThanAPieceOfALongValue) {
  json event = good(EventKind::tool_signal);
  std::string euros;
  for (int i = 0; i < 10'000; ++i) euros += "\xE2\x82\xAC";
  event["status"] = euros;
  const auto parsed = parse_tool_signal(event.dump());
  ASSERT_FALSE(parsed.has_value());
  EXPECT_LT(parsed.error().message.size(), 200U);
  EXPECT_NO_THROW((void)json(parsed.error().message).dump()) << "cut inside a character";
}

}  // namespace
}  // namespace geminga::orchestrator
