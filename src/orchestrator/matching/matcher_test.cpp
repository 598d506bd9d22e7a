#include "orchestrator/matching/matcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "orchestrator/matching/plan.hpp"
#include "orchestrator/matching/testing/labelled_set.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<ToolView> recorded_tools(std::string_view only_server = {}) {
  auto tools = testing::load_tools(GEMINGA_SOURCE_DIR "/tests/data/matching/tools.json");
  if (!only_server.empty())
    std::erase_if(tools, [&](const ToolView& tool) { return tool.server != only_server; });
  return tools;
}

RuleSet rules_of(std::string_view text) {
  auto rules = RuleSet::parse(text, "rules.toml");
  EXPECT_TRUE(rules.has_value()) << rules.error().message;
  return rules ? *rules : RuleSet{};
}

const std::vector<ToolView> kSum = {
    {.server = "math",
     .tool = "get-sum",
     .description = "Adds numbers",
     .input_schema = R"({"properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]})"}};

TEST(Matcher, FindsAToolOfANewServerWithoutAnyRule) {
  for (const std::string_view servers : {"filesystem", ""}) {
    const Matcher matcher(RuleSet::defaults(), recorded_tools(servers));
    for (const char* sentence : {"which directories are you allowed to access?",
                                 "list the allowed directories", "what directories can this server access"}) {
      const Decision decision = matcher.match(sentence);
      EXPECT_TRUE(decision.matched) << sentence << ": " << decision.explanation;
      EXPECT_EQ(decision.tool, "list_allowed_directories");
      EXPECT_EQ(decision.server, "filesystem");
      EXPECT_EQ(decision.params, "{}");
      EXPECT_EQ(decision.method, MatchMethod::bm25);
      EXPECT_GE(decision.confidence, 0.7);
    }
    const Decision unrelated = matcher.match("compose a haiku about autumn leaves");
    EXPECT_FALSE(unrelated.matched);
    EXPECT_EQ(unrelated.tool, "");
    EXPECT_LT(unrelated.confidence, 0.1);
  }
}

TEST(Matcher, ARuleComesFirstAndFillsTheArgumentsInTheirTypes) {
  const Matcher matcher(rules_of("[[rule]]\npattern='add (?P<a>\\S+) and "
                                 "(?P<b>\\S+)'\ntool='get-sum'\n[rule.params]\na='${a}'\nb='${b}'\n"),
                        kSum);
  const Decision decision = matcher.match("add 3 and 4.5");
  EXPECT_TRUE(decision.matched);
  EXPECT_EQ(decision.server, "math");
  EXPECT_EQ(decision.params, R"({"a":3,"b":4.5})");
  EXPECT_EQ(decision.method, MatchMethod::rule);
  EXPECT_EQ(decision.rule, 1U);
  EXPECT_EQ(decision.confidence, 0.9);
}

TEST(Matcher, MissingArgumentsKeepItFromMatching) {
  const Matcher matcher(
      rules_of("[[rule]]\npattern='add (?P<a>\\d+)'\ntool='get-sum'\n[rule.params]\na='${a}'\n"), kSum);
  const Decision by_rule = matcher.match("add 3");
  EXPECT_FALSE(by_rule.matched);
  EXPECT_EQ(by_rule.tool, "get-sum");
  EXPECT_THAT(by_rule.missing_arguments, ElementsAre("b"));
  EXPECT_EQ(by_rule.params, R"({"a":3})");
  const Decision by_words = matcher.match("get the sum of numbers");
  EXPECT_FALSE(by_words.matched);
  EXPECT_EQ(by_words.method, MatchMethod::bm25);
  EXPECT_EQ(by_words.tool, "get-sum");
  EXPECT_THAT(by_words.missing_arguments, ElementsAre("a", "b"));
}

TEST(Matcher, TheSentenceFillsWhatNoRuleDoes) {
  const Matcher by_words(RuleSet{}, kSum);
  const Decision words = by_words.match("the sum of the numbers 3 and 4.5");
  EXPECT_TRUE(words.matched) << words.explanation;
  EXPECT_EQ(words.params, R"({"a":3,"b":4.5})");
  const Matcher by_rule(
      rules_of("[[rule]]\npattern='add (?P<a>\\d+)'\ntool='get-sum'\n[rule.params]\na='${a}'\n"), kSum);
  const Decision rule = by_rule.match("add 3 to 5");
  EXPECT_TRUE(rule.matched) << rule.explanation;
  EXPECT_EQ(rule.params, R"({"a":3,"b":5})");
}

TEST(Matcher, WhatTheSchemaRefusesIsNamedWithItsReasonAndNotCalled) {
  const std::vector<ToolView> dice = {
      {.server = "games",
       .tool = "roll_dice",
       .description = "Rolls dice",
       .input_schema =
           R"({"properties":{"count":{"type":"integer","maximum":10},"sides":{"enum":[6,20]}},"required":["count"]})"}};
  const Matcher by_words(RuleSet{}, dice);
  EXPECT_TRUE(by_words.match("roll 3 dice").matched);
  const Decision words = by_words.match("roll 12 dice");
  EXPECT_FALSE(words.matched);
  EXPECT_EQ(words.tool, "roll_dice");
  EXPECT_THAT(words.missing_arguments, IsEmpty());
  const std::vector<RefusedArgument> refused = {
      {.name = "count", .why = "found the number 12, expected at most 10"}};
  EXPECT_EQ(words.refused_arguments, refused);
  EXPECT_THAT(words.explanation, HasSubstr("count is refused: found the number 12"));
  EXPECT_EQ(parse_decision(to_json(words)).value(), words);
  const Plan plan = plan_without_model("r", words, Timestamp{});
  EXPECT_THAT(plan.plan[1].description,
              HasSubstr("it refuses count: found the number 12, expected at most 10"));
  EXPECT_EQ(json::parse(plan.metadata)["refusedArguments"][0]["name"], "count");
  const Matcher by_rule(rules_of("[[rule]]\npattern='throw (?P<n>\\d+) with (?P<s>\\d+)'\ntool='roll_dice'\n"
                                 "[rule.params]\ncount='${n}'\nsides='${s}'\n"),
                        dice);
  const Decision rule = by_rule.match("throw 3 with 7");
  EXPECT_FALSE(rule.matched);
  ASSERT_EQ(rule.refused_arguments.size(), 1U);
  EXPECT_EQ(rule.refused_arguments[0].name, "sides");
}

TEST(Matcher, NamesTheNearestToolsThenTheOthers) {
  const Matcher matcher(RuleSet{}, recorded_tools());
  const auto nearest = matcher.nearest("list the allowed directories", 3);
  ASSERT_EQ(nearest.size(), 3U);
  EXPECT_EQ(nearest[0].tool, "list_allowed_directories");
  EXPECT_FALSE(nearest[0].input_schema.empty());
  EXPECT_EQ(matcher.nearest("zzz", 1'000).size(), matcher.tool_count());
  EXPECT_TRUE(Matcher(RuleSet{}, {}).nearest("x", 5).empty());
}

TEST(Matcher, ALaterRuleThatFillsEverythingWinsOverAnEarlierOneThatDoesNot) {
  const Matcher matcher(
      rules_of(
          "[[rule]]\npattern='add (?P<a>\\d+)'\ntool='get-sum'\nparams={a='${a}'}\n"
          "[[rule]]\npattern='add (?P<a>\\d+)x(?P<b>\\d+)'\ntool='get-sum'\nparams={a='${a}',b='${b}'}\n"),
      kSum);
  const Decision decision = matcher.match("add 1x2");
  EXPECT_TRUE(decision.matched);
  EXPECT_EQ(decision.rule, 2U);
  EXPECT_THAT(decision.missing_arguments, IsEmpty());
}

TEST(Matcher, ARuleCountsOnlyWhenServerAndToolExist) {
  const std::string text =
      "[[rule]]\npattern='go'\ntool='absent'\n"
      "[[rule]]\npattern='go'\ntool='ping'\nserver='absent'\n"
      "[[rule]]\npattern='go'\ntool='ping'\nconfidence=0.69\n"
      "[[rule]]\npattern='go'\ntool='ping'\nserver='b'\nconfidence=0.7\n";
  const std::vector<ToolView> tools = {{.server = "a", .tool = "ping"}, {.server = "b", .tool = "ping"}};
  const Matcher matcher(rules_of(text), tools);
  const Decision decision = matcher.match("go");
  EXPECT_TRUE(decision.matched);
  EXPECT_EQ(decision.rule, 4U);
  EXPECT_EQ(decision.server, "b");
  const json explained = json::parse(matcher.explain("go"));
  ASSERT_EQ(explained["rulesFound"].size(), 4U);
  EXPECT_THAT(explained["rulesFound"][0]["outcome"], HasSubstr("no server has this tool"));
  EXPECT_THAT(explained["rulesFound"][1]["outcome"], HasSubstr("this server has no such tool"));
  EXPECT_THAT(explained["rulesFound"][2]["outcome"], HasSubstr("below 0.70"));
  EXPECT_EQ(explained["rulesFound"][3]["outcome"], "taken");
}

TEST(Matcher, WithoutAServerARuleTakesTheMostUsedOneThenTheFirstByName) {
  std::vector<ToolView> tools = {{.server = "b", .tool = "ping"}, {.server = "a", .tool = "ping"}};
  const RuleSet rules = rules_of("[[rule]]\npattern='go'\ntool='ping'\n");
  EXPECT_EQ(Matcher(rules, tools).match("go").server, "a");
  tools[0].uses = 1;
  EXPECT_EQ(Matcher(rules, tools).match("go").server, "b");
}

TEST(Matcher, TheSameToolOnTwoServersIsAQuestionNotAGuess) {
  std::vector<ToolView> tools = recorded_tools("filesystem");
  for (ToolView tool : recorded_tools("filesystem")) {
    tool.server = "other";
    tools.push_back(tool);
  }
  const Decision decision = Matcher(RuleSet{}, tools).match("list the allowed directories");
  EXPECT_FALSE(decision.matched);
  ASSERT_GE(decision.candidates.size(), 2U);
  EXPECT_EQ(decision.candidates[0].tool, decision.candidates[1].tool);
}

TEST(Matcher, SaysWhyItFoundNothing) {
  EXPECT_THAT(Matcher(RuleSet{}, {}).match("anything").explanation, HasSubstr("no tool is known"));
  EXPECT_THAT(Matcher(RuleSet{}, kSum).match("what is it?").explanation, HasSubstr("no word"));
  EXPECT_THAT(Matcher(RuleSet{}, kSum).match("haiku").explanation, HasSubstr("no tool knows"));
  EXPECT_THAT(Matcher(RuleSet{}, kSum).match("sum unknown words everywhere").explanation,
              HasSubstr("is below 0.70"));
  EXPECT_THAT(Matcher(RuleSet{}, kSum).match("").explanation, HasSubstr("no word"));
}

TEST(Matcher, ExplainsTermsCoverageAndMargin) {
  const Matcher matcher(RuleSet::defaults(), recorded_tools());
  const json explained = json::parse(matcher.explain("read the knowledge graph of Berlin sideways"));
  EXPECT_EQ(explained["query"], "read the knowledge graph of Berlin sideways");
  EXPECT_EQ(explained["threshold"], 0.7);
  const json& terms = explained["bm25"]["terms"];
  ASSERT_EQ(terms.size(), 5U);
  EXPECT_EQ(terms[0]["word"], "read");
  EXPECT_EQ(terms[0]["covered"], true);
  EXPECT_GT(terms[0]["tools"], 1);
  EXPECT_EQ(terms[3]["word"], "Berlin");
  EXPECT_EQ(terms[3]["counted"], false);
  EXPECT_EQ(terms[4]["covered"], false);
  EXPECT_GT(terms[4]["idf"], terms[0]["idf"]);
  EXPECT_GT(explained["bm25"]["coverage"], 0.3);
  EXPECT_LE(explained["decision"]["candidates"].size(), 5U);
  EXPECT_EQ(explained["decision"]["candidates"][0]["tool"], "read_graph");
  EXPECT_TRUE(json::accept(matcher.explain("\xFF\xFE not text")));
}

TEST(Matcher, DecisionsSurviveTheirRow) {
  const Matcher matcher(RuleSet::defaults(), recorded_tools());
  for (const char* sentence :
       {"list the allowed directories", "weather in Berlin", "directions to Rome", "haiku", "read a file"}) {
    const Decision decision = matcher.match(sentence);
    EXPECT_EQ(parse_decision(to_json(decision)).value(), decision) << sentence;
  }
  for (const char* text : {"", "{}", "[]", "null", R"({"matched":1})"}) {
    const auto decision = parse_decision(text);
    ASSERT_FALSE(decision.has_value()) << text;
    EXPECT_EQ(decision.error().code, ErrorCode::parse_error);
  }
}

TEST(Plan, NamesCandidatesMissingArgumentsAndThatNoModelIsConfigured) {
  const Timestamp now{std::chrono::milliseconds{1'763'755'200'123}};
  const Matcher matcher(RuleSet::defaults(), recorded_tools());
  const Plan plan = plan_without_model("r-1", matcher.match("directions to the airport"), now);
  EXPECT_EQ(plan.request_id, "r-1");
  EXPECT_EQ(plan.timestamp, now);
  EXPECT_EQ(plan.requires_orchestration, false);
  ASSERT_GE(plan.plan.size(), 2U);
  EXPECT_THAT(plan.plan[0].description, HasSubstr("No model is configured"));
  EXPECT_EQ(plan.plan[1].tool_id, "compute_routes");
  EXPECT_EQ(plan.plan[1].server_id, "maps");
  EXPECT_THAT(plan.plan[1].description, HasSubstr("it needs origin"));
  EXPECT_EQ(json::parse(plan.plan[1].params)["destination"]["address"], "the airport");
  EXPECT_EQ(json::parse(plan.metadata)["missingArguments"], json::array({"origin"}));
  EXPECT_EQ(parse_plan(to_json(plan)).value(), plan);
}

TEST(Plan, OfAModelThatFailedItSaysSo) {
  const Plan plan =
      plan_without_model("r", Matcher(RuleSet{}, {}).match("compose"), Timestamp{}, "small at http://x");
  EXPECT_THAT(plan.plan[0].description, HasSubstr("small at http://x gave no plan"));
  EXPECT_EQ(json::parse(plan.metadata)["model"], "small at http://x");
}

TEST(Plan, WithoutAnyCandidateItSaysSo) {
  const Plan plan = plan_without_model("r", Matcher(RuleSet{}, {}).match("compose a haiku"), Timestamp{});
  ASSERT_EQ(plan.plan.size(), 1U);
  EXPECT_THAT(plan.plan[0].description, HasSubstr("No model is configured"));
  EXPECT_THAT(plan.metadata, HasSubstr("no tool is known"));
  EXPECT_TRUE(parse_plan(to_json(plan)).has_value());
}

}  // namespace
}  // namespace geminga::orchestrator
