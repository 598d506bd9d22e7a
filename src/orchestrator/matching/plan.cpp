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

std::string describe(const Candidate& candidate, const std::vector<RefusedArgument>& refused) {
  std::string text = fmt::format("Call {} on {}", candidate.tool, candidate.server);
  if (!candidate.missing_arguments.empty())
    text += fmt::format("; it needs {}", fmt::join(candidate.missing_arguments, ", "));
  for (const RefusedArgument& argument : refused)
    text += fmt::format("; it refuses {}: {}", argument.name, argument.why);
  return text + ".";
}

PlanStep step_of(const Candidate& candidate, std::string params,
                 const std::vector<RefusedArgument>& refused = {}) {
  return {.description = describe(candidate, refused),
          .tool_id = candidate.tool,
          .server_id = candidate.server,
          .params = std::move(params)};
}

}  // namespace

Plan plan_without_model(std::string request_id, const Decision& decision, Timestamp now,
                        std::string_view failed_model) {
  Plan plan{.request_id = std::move(request_id),
            .requires_orchestration = false,
            .confidence = decision.confidence,
            .timestamp = now};
  plan.plan.push_back(
      {.description = failed_model.empty()
                          ? std::string(kNoModel)
                          : fmt::format("{} gave no plan, so nothing was executed.", failed_model)});
  // The tool that was chosen stands first, with the arguments that are there already.
  if (!decision.tool.empty()) {
    plan.plan.push_back(step_of(
        {.server = decision.server, .tool = decision.tool, .missing_arguments = decision.missing_arguments},
        decision.params, decision.refused_arguments));
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
  json refused = json::array();
  for (const RefusedArgument& argument : decision.refused_arguments)
    refused.push_back({{"name", argument.name}, {"why", argument.why}});
  plan.metadata = json{{"model", failed_model.empty() ? json(nullptr) : json(failed_model)},
                       {"reason", decision.explanation},
                       {"missingArguments", decision.missing_arguments},
                       {"refusedArguments", std::move(refused)}}
                      .dump(-1, ' ', false, json::error_handler_t::replace);
  return plan;
}

}  // namespace geminga::orchestrator
