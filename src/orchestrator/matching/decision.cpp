#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "orchestrator/events/schema_check.hpp"
#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

std::optional<MatchMethod> method_of(std::string_view text) {
  for (const MatchMethod method :
       {MatchMethod::none, MatchMethod::rule, MatchMethod::bm25, MatchMethod::embedding})
    if (to_string(method) == text) return method;
  return std::nullopt;
}

}  // namespace

std::string_view to_string(MatchMethod method) noexcept {
  switch (method) {
    case MatchMethod::rule:
      return "rule";
    case MatchMethod::bm25:
      return "bm25";
    case MatchMethod::embedding:
      return "embedding";
    case MatchMethod::none:
      break;
  }
  return "none";
}

std::string to_json(const Decision& decision) {
  json candidates = json::array();
  for (const Candidate& candidate : decision.candidates) {
    candidates.push_back({{"server", candidate.server},
                          {"tool", candidate.tool},
                          {"score", candidate.score},
                          {"missingArguments", candidate.missing_arguments}});
  }
  json refused = json::array();
  for (const RefusedArgument& argument : decision.refused_arguments)
    refused.push_back({{"name", argument.name}, {"why", argument.why}});
  const json out = {{"matched", decision.matched},
                    {"server", decision.server},
                    {"tool", decision.tool},
                    {"params", json::parse(decision.params, nullptr, false)},
                    {"confidence", decision.confidence},
                    {"method", to_string(decision.method)},
                    {"rule", decision.rule},
                    {"candidates", std::move(candidates)},
                    {"missingArguments", decision.missing_arguments},
                    {"refusedArguments", std::move(refused)},
                    {"explanation", decision.explanation}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Decision> parse_decision(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return fail(ErrorCode::parse_error, fmt::format("no decision of the matcher: {}", why));
  };
  const auto value = parse_json(text);
  if (!value) return bad(value.error().message);
  try {
    const auto method = method_of(value->at("method").get<std::string>());
    if (!method || !value->at("params").is_object())
      return bad("unknown method, or params that are no object");
    Decision decision{.matched = value->at("matched").get<bool>(),
                      .server = value->at("server").get<std::string>(),
                      .tool = value->at("tool").get<std::string>(),
                      .params = value->at("params").dump(),
                      .confidence = value->at("confidence").get<double>(),
                      .method = *method,
                      .rule = value->at("rule").get<std::uint32_t>(),
                      .missing_arguments = value->at("missingArguments").get<std::vector<std::string>>(),
                      .explanation = value->at("explanation").get<std::string>()};
    for (const json& candidate : value->at("candidates")) {
      decision.candidates.push_back(
          {.server = candidate.at("server").get<std::string>(),
           .tool = candidate.at("tool").get<std::string>(),
           .score = candidate.at("score").get<double>(),
           .missing_arguments = candidate.at("missingArguments").get<std::vector<std::string>>()});
    }
    // Decisions of the version before have none.
    for (const json& argument : value->value("refusedArguments", json::array()))
      decision.refused_arguments.push_back(
          {.name = argument.at("name").get<std::string>(), .why = argument.at("why").get<std::string>()});
    return decision;
  } catch (const json::exception& error) {
    return bad(error.what());
  }
}

}  // namespace geminga::orchestrator
