#include "orchestrator/matching/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr std::string_view kNoModel =
    "No model is configured, so nothing was executed; name the tool, or write a rule that fills its "
    "arguments.";

std::string describe(const Candidate& candidate) {
  if (candidate.missing_arguments.empty())
    return fmt::format("Call {} on {}.", candidate.tool, candidate.server);
  return fmt::format("Call {} on {}; it needs {}.", candidate.tool, candidate.server,
                     fmt::join(candidate.missing_arguments, ", "));
}

PlanStep step_of(const Candidate& candidate, std::string params) {
  return {.description = describe(candidate),
          .tool_id = candidate.tool,
          .server_id = candidate.server,
          .params = std::move(params)};
}

}  // namespace

Plan plan_without_model(std::string request_id, const Decision& decision, Timestamp now) {
  Plan plan{.request_id = std::move(request_id),
            .requires_orchestration = false,
            .confidence = decision.confidence,
            .timestamp = now};
  plan.plan.push_back({.description = std::string(kNoModel)});
  // The tool that was chosen stands first, with the arguments that are there already.
  if (!decision.tool.empty()) {
    plan.plan.push_back(step_of(
        {.server = decision.server, .tool = decision.tool, .missing_arguments = decision.missing_arguments},
        decision.params));
  }
  for (const Candidate& candidate : decision.candidates)
    if (candidate.tool != decision.tool || candidate.server != decision.server)
      plan.plan.push_back(step_of(candidate, {}));
  std::vector<std::string> steps;
  steps.reserve(plan.plan.size());
  for (std::size_t i = 0; i < plan.plan.size(); ++i) {
    plan.plan[i].step_id = fmt::format("{}", i);
    steps.push_back(plan.plan[i].description);
  }
  plan.steps = std::move(steps);
  plan.metadata = json{{"model", nullptr},
                       {"reason", decision.explanation},
                       {"missingArguments", decision.missing_arguments}}
                      .dump(-1, ' ', false, json::error_handler_t::replace);
  return plan;
}

}  // namespace geminga::orchestrator
