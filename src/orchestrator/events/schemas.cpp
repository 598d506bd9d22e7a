#include "orchestrator/events/schemas.hpp"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "orchestrator/events/events.hpp"
#include "orchestrator/events/schema_check.hpp"

namespace geminga::orchestrator {
namespace {

// Only keywords that check_schema() knows.
#define GEMINGA_DRAFT R"("$schema":"https://json-schema.org/draft/2020-12/schema",)"
#define GEMINGA_ID R"({"type":"string","minLength":1})"
#define GEMINGA_TIME R"({"type":"string","format":"date-time"})"
#define GEMINGA_CONFIDENCE R"({"type":"number","minimum":0,"maximum":1})"
#define GEMINGA_ATTEMPTS                                                     \
  R"({"type":"array","items":{"type":"object","required":["time","error"],)" \
  R"("properties":{"time":)" GEMINGA_TIME R"(,"error":{"type":"string"}}}})"
#define GEMINGA_STEPS                                                            \
  R"({"type":"array","items":{"type":"object","required":["description"],)"      \
  R"("properties":{"stepId":{"type":"string"},"description":{"type":"string"},)" \
  R"("toolId":{"type":"string"},"serverId":{"type":"string"},)"                  \
  R"("params":{"type":"object"}}}})"

constexpr std::array<std::string_view, kEventKindCount> kSchemas = {
    "{" GEMINGA_DRAFT R"("title":"UserRequest","type":"object",
"required":["requestId","normalizedQuery","timestamp"],
"properties":{
"requestId":)" GEMINGA_ID R"(,
"normalizedQuery":{"type":"string"},
"sessionId":{"type":"string"},
"contextSnapshot":{"type":"object"},
"metadata":{"type":"object"},
"timestamp":)" GEMINGA_TIME "}}",

    "{" GEMINGA_DRAFT R"("title":"ToolSignal","type":"object",
"required":["requestId","toolId","serverId","confidence","status","timestamp"],
"properties":{
"requestId":)" GEMINGA_ID R"(,
"toolId":)" GEMINGA_ID R"(,
"serverId":)" GEMINGA_ID R"(,
"params":{"type":"object"},
"confidence":)" GEMINGA_CONFIDENCE R"(,
"status":{"type":"string","const":"TOOL_READY"},
"attempt":{"type":"integer","minimum":0,"maximum":4294967295},
"maxAttempts":{"type":"integer","minimum":1,"maximum":4294967295},
"lastError":{"type":"string"},
"timestamp":)" GEMINGA_TIME "}}",

    "{" GEMINGA_DRAFT R"("title":"Plan","type":"object",
"required":["requestId","plan","timestamp"],
"properties":{
"requestId":)" GEMINGA_ID R"(,
"plan":)" GEMINGA_STEPS R"(,
"requiresOrchestration":{"type":"boolean"},
"steps":{"type":"array","items":{"type":"string"}},
"confidence":)" GEMINGA_CONFIDENCE R"(,
"metadata":{"type":"object"},
"timestamp":)" GEMINGA_TIME "}}",

    "{" GEMINGA_DRAFT R"("title":"Result","type":"object",
"required":["requestId","status","timestamp"],
"properties":{
"requestId":)" GEMINGA_ID R"(,
"status":{"type":"string","enum":["tool","plan","failed"]},
"tool":{"type":"string"},
"toolPath":{"type":"string"},
"result":{"type":"object","properties":{"content":{"type":"array"},"isError":{"type":"boolean"}}},
"plan":)" GEMINGA_STEPS R"(,
"error":{"type":"string"},
"timestamp":)" GEMINGA_TIME "}}",

    "{" GEMINGA_DRAFT R"("title":"DeadLetter","type":"object",
"required":["requestId","reason","attempts","topic","timestamp"],
"properties":{
"requestId":{"type":"string"},
"toolId":{"type":"string"},
"serverId":{"type":"string"},
"reason":{"type":"string","minLength":1},
"attempts":)" GEMINGA_ATTEMPTS R"(,
"topic":)" GEMINGA_ID R"(,
"messageId":)" GEMINGA_ID R"(,
"event":{},
"eventBase64":{"type":"string"},
"timestamp":)" GEMINGA_TIME "}}",

    "{" GEMINGA_DRAFT R"("title":"Execution","type":"object",
"required":["requestId","step","attempt","startedAt","endedAt","outcome"],
"properties":{
"requestId":)" GEMINGA_ID R"(,
"step":)" GEMINGA_ID R"(,
"attempt":{"type":"integer","minimum":0,"maximum":4294967295},
"role":{"type":"string"},
"serverId":{"type":"string"},
"toolId":{"type":"string"},
"argumentsHash":{"type":"string"},
"startedAt":)" GEMINGA_TIME R"(,
"endedAt":)" GEMINGA_TIME R"(,
"outcome":{"type":"string","enum":["ok","no_match","tool_error","not_executed","limited","final",
"outcome_unknown","unknown_error","cancelled"]},
"error":{"type":"string"}}})",

    "{" GEMINGA_DRAFT R"("title":"Webhook","type":"object",
"required":["requestId","jobId","generation","url","attempt","failures","timestamp"],
"properties":{
"requestId":)" GEMINGA_ID R"(,
"jobId":)" GEMINGA_ID R"(,
"generation":{"type":"integer","minimum":0,"maximum":4294967295},
"url":)" GEMINGA_ID R"(,
"attempt":{"type":"integer","minimum":0,"maximum":4294967295},
"failures":)" GEMINGA_ATTEMPTS R"(,
"timestamp":)" GEMINGA_TIME "}}",
};

constexpr std::array<std::string_view, kEventKindCount> kNames = {
    "UserRequest", "ToolSignal", "Plan", "Result", "DeadLetter", "Execution", "Webhook"};

const nlohmann::json& parsed_schema(EventKind kind) {
  static const std::array<nlohmann::json, kEventKindCount> kParsed = [] {
    std::array<nlohmann::json, kEventKindCount> parsed;
    for (std::size_t i = 0; i < kEventKindCount; ++i) parsed[i] = nlohmann::json::parse(kSchemas[i]);
    return parsed;
  }();
  return kParsed[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string_view to_string(EventKind kind) noexcept {
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view json_schema(EventKind kind) noexcept {
  return kSchemas[static_cast<std::size_t>(kind)];
}

Result<nlohmann::json> parse_checked(EventKind kind, std::string_view text) {
  auto value = parse_json(text);
  if (!value) return std::unexpected(value.error().with(to_string(kind)));
  if (auto checked = check_schema(parsed_schema(kind), *value, to_string(kind)); !checked)
    return std::unexpected(std::move(checked).error());
  return value;
}

Result<> check_event(EventKind kind, std::string_view text) {
  if (auto value = parse_checked(kind, text); !value) return std::unexpected(std::move(value).error());
  return {};
}

}  // namespace geminga::orchestrator
