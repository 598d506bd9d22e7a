#include "orchestrator/events/schema_check.hpp"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "orchestrator/events/events.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

const std::set<std::string> kChecked = {"type",      "const",    "enum",       "minimum", "maximum",
                                        "minLength", "required", "properties", "items",   "format"};
const std::set<std::string> kDescriptive = {"$schema", "title"};

void expect_only_known_keywords(const json& schema) {
  for (const auto& [keyword, rule] : schema.items()) {
    EXPECT_TRUE(kChecked.contains(keyword) || kDescriptive.contains(keyword)) << keyword;
    if (keyword == "items") expect_only_known_keywords(rule);
    EXPECT_TRUE(keyword != "format" || rule == "date-time") << rule;
    if (keyword != "properties") continue;
    for (const auto& [name, member] : rule.items()) expect_only_known_keywords(member);
  }
}

TEST(SchemaCheck, OurSchemasUseNoKeywordThatIsNotChecked) {
  for (std::size_t kind = 0; kind < kEventKindCount; ++kind) {
    const json schema = json::parse(json_schema(static_cast<EventKind>(kind)));
    EXPECT_EQ(schema["title"], to_string(static_cast<EventKind>(kind)));
    expect_only_known_keywords(schema);
  }
}

TEST(SchemaCheck, EveryRequiredMemberIsDescribed) {
  for (std::size_t kind = 0; kind < kEventKindCount; ++kind) {
    const json schema = json::parse(json_schema(static_cast<EventKind>(kind)));
    for (const json& name : schema["required"]) EXPECT_TRUE(schema["properties"].contains(name)) << name;
  }
}

TEST(SchemaCheck, DepthIsBounded) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(256)).has_value());
  EXPECT_FALSE(parse_json(nested(257)).has_value());
  EXPECT_TRUE(parse_json("\"" + std::string(1'000, '[') + "\"").has_value());
  EXPECT_TRUE(parse_json(R"(["\"[[", "]"])").has_value());
}

}  // namespace
}  // namespace geminga::orchestrator
