#include "orchestrator/planner/model_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const PlanQuestion kQuestion{
    .request_id = "r-1",
    .sentence = "add and tell",
    .reason = "no rule",
    .tools = {
        {.server = "math",
         .tool = "add",
         .description = "Adds",
         .input_schema =
             R"({"type":"object","properties":{"a":{"type":"number","maximum":10},"b":{"type":"number"}},"required":["a","b"]})"},
        {.server = "one", .tool = "tell", .description = "Tells"},
        {.server = "two", .tool = "tell", .description = "Tells too"}}};

Result<Plan> read(const std::string& words) {
  return read_model_plan(kQuestion, words, Timestamp{});
}

TEST(ModelPlan, TheModelIsToldTheRequestAndTheTools) {
  const auto messages = plan_messages(kQuestion);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].role, "system");
  const json asked = json::parse(messages[1].content);
  EXPECT_EQ(asked["request"], "add and tell");
  ASSERT_EQ(asked["tools"].size(), 3U);
  EXPECT_EQ(asked["tools"][0]["inputSchema"]["required"], json::array({"a", "b"}));
  EXPECT_EQ(asked["tools"][1]["serverId"], "one");
}

TEST(ModelPlan, AValidOneBecomesAPlan) {
  const auto plan = read(
      "Here you are:\n```json\n"
      R"({"plan":[{"stepId":"x/y","description":"adds","toolId":"add","params":{"a":1,"b":2}},
      {"toolId":"tell","serverId":"two"},{"description":"think"}],"confidence":1.7})"
      "\n```");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->request_id, "r-1");
  ASSERT_EQ(plan->plan.size(), 3U);
  EXPECT_EQ(plan->plan[0].step_id, "1");
  EXPECT_EQ(plan->plan[0].server_id, "math");
  EXPECT_EQ(json::parse(plan->plan[0].params), (json{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(plan->plan[1].description, "Call tell on two.");
  EXPECT_EQ(plan->plan[1].params, "{}");
  EXPECT_FALSE(plan->plan[2].tool_id.has_value());
  EXPECT_EQ(plan->requires_orchestration, true);
  EXPECT_EQ(plan->confidence, 1.0);
  EXPECT_EQ(parse_plan(to_json(*plan)).value(), *plan);
  EXPECT_EQ(read(R"({"plan":[{"description":"ask for a number"}]})")->requires_orchestration, false);
}

struct Row {
  const char* words;
  const char* error;
};

constexpr Row kRows[] = {
    {"I cannot do that", "no JSON object"},
    {"[]", "no 'plan'"},
    {"{}", "no 'plan'"},
    {R"({"plan":[]})", "no 'plan'"},
    {R"({"plan":{}})", "no 'plan'"},
    {R"({"plan":[3]})", "step 1: it has neither a toolId nor a description"},
    {R"({"plan":[{"toolId":"sub"}]})", "step 1: there is no tool 'sub' on server ''"},
    {R"({"plan":[{"toolId":"add","serverId":"one"}]})", "there is no tool 'add' on server 'one'"},
    {R"({"plan":[{"toolId":"tell"}]})", "several servers have a tool 'tell'"},
    {R"({"plan":[{"toolId":"add","params":{"a":1}}]})", "add needs b"},
    {R"({"plan":[{"toolId":"add","params":{"a":11,"b":2}}]})",
     "add refuses a: found the number 11, expected at most 10"},
    {R"({"plan":[{"toolId":"add","params":[1]}]})", "params is no object"},
    {R"({"plan":[{"description":"x"},{"toolId":"sub"},{"toolId":"tell"}]})",
     "step 2: there is no tool 'sub' on server ''; step 3: several"},
};

TEST(ModelPlan, WhatIsWrongIsNamed) {
  for (const Row& row : kRows) {
    const auto plan = read(row.words);
    ASSERT_FALSE(plan) << row.words;
    EXPECT_EQ(plan.error().code, ErrorCode::schema_mismatch);
    EXPECT_THAT(plan.error().message, HasSubstr(row.error));
  }
  json many = {{"plan", json::array()}};
  for (int i = 0; i < 21; ++i) many["plan"].push_back({{"description", "x"}});
  EXPECT_THAT(read(many.dump()).error().message, HasSubstr("20 is the limit"));
}

}  // namespace
}  // namespace geminga::orchestrator
