// Ingress and matcher take any sentence that a client sends.
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "orchestrator/matching/matcher.hpp"
#include "orchestrator/matching/normalise.hpp"
#include "orchestrator/matching/plan.hpp"

namespace {

using namespace geminga::orchestrator;

std::vector<ToolView> tools() {
  return {{.server = "files",
           .tool = "list_allowed_directories",
           .description = "Lists the directories that may be read"},
          {.server = "math",
           .tool = "getSum",
           .description = "Adds numbers",
           .input_schema = R"({"properties":{"a":{"type":"number"}},"required":["a"]})"},
          {.server = "maps",
           .tool = "lookup_weather",
           .description = "Weather of a place",
           .input_schema = R"({"properties":{"location":{"type":"object"}},"required":["location"]})"}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Matcher kMatcher(RuleSet::defaults(), tools());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string query = normalise_query(text);
  GEMINGA_ASSERT(!geminga::base::is_utf8(text) || geminga::base::is_utf8(query));
  const Decision decision = kMatcher.match(query);
  GEMINGA_ASSERT(decision.confidence >= 0 && decision.confidence <= 1);
  GEMINGA_ASSERT(!decision.matched || (decision.confidence >= 0.7 && decision.missing_arguments.empty()));
  GEMINGA_ASSERT(parse_decision(to_json(decision)) == decision);
  GEMINGA_ASSERT(nlohmann::json::accept(kMatcher.explain(query)));
  const Plan plan = plan_without_model("r", decision, {});
  GEMINGA_ASSERT(parse_plan(to_json(plan)) == plan);
  return 0;
}
