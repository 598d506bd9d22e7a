#include "orchestrator/matching/rules.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

RuleSet parsed(std::string_view text) {
  auto rules = RuleSet::parse(text, "rules.toml");
  EXPECT_TRUE(rules.has_value()) << rules.error().message;
  return rules ? *rules : RuleSet{};
}

TEST(Rules, AnEmptyFileHasNone) {
  EXPECT_EQ(parsed("").size(), 0U);
  EXPECT_EQ(parsed("# nothing\n").size(), 0U);
  EXPECT_FALSE(RuleSet{}.match("anything").has_value());
}

TEST(Rules, FillTheParamsFromNamedGroups) {
  const RuleSet rules = parsed(R"(
[[rule]]
pattern = '^add (?P<a>\d+) and (?P<b>\d+)'
tool = "get-sum"
server = "everything"
confidence = 0.8
[rule.params]
a = "${a}"
b = "${b}"
text = "${a} + ${b}, $${literal}"
)");
  const auto match = rules.match("Add 3 and 4, please");
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->number, 1U);
  EXPECT_EQ(match->tool, "get-sum");
  EXPECT_EQ(match->server, "everything");
  EXPECT_EQ(match->confidence, 0.8);
  EXPECT_EQ(json::parse(match->params), json::parse(R"({"a":"3","b":"4","text":"3 + 4, ${literal}"})"));
  EXPECT_FALSE(rules.match("multiply 3 and 4").has_value());
  EXPECT_FALSE(rules.match("add 3 and 4", 2).has_value());
}

TEST(Rules, TypesOfTheParamsSurviveAndUncaughtGroupsLeaveNothing) {
  const RuleSet rules = parsed(R"(
[[rule]]
pattern = 'go(?: to (?P<place>\w+))?(?: by (?P<mode>\w+))?'
tool = "t"
[rule.params]
whole = 3
real = 2.5
flag = true
day = 2026-11-21
list = [1, "two", [false], "${place}"]
table = { deep = { deeper = -1 } }
location = { address = "${place}" }
both = "${place}${mode}"
empty_list = []
empty_table = {}
)");
  const json fixed =
      json::parse(R"({"whole":3,"real":2.5,"flag":true,"day":"2026-11-21","table":{"deep":{"deeper":-1}},)"
                  R"("empty_list":[],"empty_table":{}})");
  json none = fixed;
  none["list"] = json::parse(R"([1,"two",[false]])");
  EXPECT_EQ(json::parse(rules.match("go").value().params), none);
  json place = fixed;
  place["list"] = json::parse(R"([1,"two",[false],"rome"])");
  place["location"]["address"] = "rome";
  place["both"] = "rome";
  EXPECT_EQ(json::parse(rules.match("go to rome").value().params), place);
}

TEST(Rules, LetterCaseCountsOnlyWhereThePatternSaysSo) {
  const RuleSet rules =
      parsed("[[rule]]\npattern='ping'\ntool='a'\n[[rule]]\npattern='(?-i)Pong'\ntool='b'\n");
  EXPECT_EQ(rules.match("PING").value().tool, "a");
  EXPECT_EQ(rules.match("a Pong").value().tool, "b");
  EXPECT_FALSE(rules.match("a pong").has_value());
}

TEST(Rules, UnlessAndOrder) {
  const RuleSet rules = parsed(
      "[[rule]]\npattern='weather'\nunless='tomorrow'\ntool='now'\n[[rule]]\npattern='weather'\ntool='any'"
      "\n");
  EXPECT_EQ(rules.match("weather").value().tool, "now");
  EXPECT_EQ(rules.match("weather", 2).value().tool, "any");
  EXPECT_EQ(rules.match("weather tomorrow").value().number, 2U);
  EXPECT_EQ(rules.match("weather").value().confidence, 0.9);
}

TEST(Rules, AnySentenceMayCome) {
  const RuleSet rules = parsed("[[rule]]\npattern='say (?P<x>.*)'\ntool='t'\nparams={x='${x}'}\n");
  EXPECT_EQ(json::parse(rules.match("say \"a\nb\" \xE2\x82\xAC ").value().params)["x"],
            "\"a\nb\" \xE2\x82\xAC");
  (void)rules.match("say \xFF\xFE");
  EXPECT_FALSE(rules.match("").has_value());
}

struct BadRow {
  std::string_view text;
  std::vector<std::string_view> says;
};

TEST(Rules, EachMistakeIsNamedWithItsPlaceAndRemedy) {
  const std::string good = "[[rule]]\npattern = 'a(?P<x>b)'\ntool = 't'\n";
  const std::vector<BadRow> rows = {
      {"[[rule]\n", {"line 1", "no valid TOML"}},
      {"a = \n", {"line 1", "no valid TOML"}},
      {"rules = 1\n", {"line 1", "unknown key 'rules'", "[[rule]]"}},
      {"[rule]\npattern='a'\n", {"line 1", "two brackets"}},
      {"rule = [1]\n", {"line 1", "two brackets"}},
      {"[[rule]]\npattern='a'\ntool='t'\npriority=1\n",
       {"rule 1, line 4", "unknown key 'priority'", "confidence"}},
      {"[[rule]]\ntool='t'\n", {"rule 1, line 1", "no pattern"}},
      {"[[rule]]\npattern='a'\n", {"rule 1, line 1", "no tool"}},
      {"[[rule]]\npattern=''\ntool='t'\n", {"rule 1, line 2", "pattern must be a text"}},
      {"[[rule]]\npattern='a'\ntool=3\n", {"rule 1, line 3", "tool must be a text"}},
      {"[[rule]]\npattern='a'\ntool='t'\nserver=''\n", {"line 4", "server must be a text"}},
      {"[[rule]]\npattern='a'\ntool='t'\n\n[[rule]]\npattern='(b'\ntool='t'\n",
       {"rule 2, line 6", "pattern does not compile", "missing )"}},
      {"[[rule]]\npattern='(?<x>b)'\ntool='t'\n", {"rule 1, line 2", "(?P<name>...)"}},
      {"[[rule]]\npattern='a(?!b)'\ntool='t'\n", {"rule 1, line 2", "unless"}},
      {"[[rule]]\npattern='a'\nunless='['\ntool='t'\n", {"rule 1, line 3", "unless does not compile"}},
      {"[[rule]]\npattern='a'\ntool='t'\nconfidence=1.1\n", {"rule 1, line 4", "from 0 to 1"}},
      {"[[rule]]\npattern='a'\ntool='t'\nconfidence='x'\n", {"rule 1, line 4", "from 0 to 1"}},
      {"[[rule]]\npattern='a'\ntool='t'\nconfidence=nan\n", {"rule 1, line 4", "from 0 to 1"}},
      {"[[rule]]\npattern='a'\ntool='t'\nparams=3\n", {"rule 1, line 4", "[rule.params]"}},
      {"[[rule]]\npattern='a(?P<x>b)'\ntool='t'\nparams={q='${y}'}\n", {"rule 1, line 4", "${y}", "only: x"}},
      {"[[rule]]\npattern='a'\ntool='t'\nparams={q='${y}'}\n", {"rule 1, line 4", "no named group"}},
      {"[[rule]]\npattern='a'\ntool='t'\nparams={q={r=['${']}}\n",
       {"rule 1, line 4", "params.q.r[0]", "$${"}},
      {"[[rule]]\npattern='a'\ntool='t'\nparams={q=inf}\n", {"rule 1, line 4", "nan and inf"}},
  };
  EXPECT_TRUE(RuleSet::parse(good, "rules.toml").has_value());
  for (const BadRow& row : rows) {
    const auto rules = RuleSet::parse(row.text, "rules.toml");
    ASSERT_FALSE(rules.has_value()) << row.text;
    EXPECT_EQ(rules.error().code, ErrorCode::config_error);
    EXPECT_TRUE(rules.error().message.starts_with("rules.toml: ")) << rules.error().message;
    for (const std::string_view said : row.says)
      EXPECT_NE(rules.error().message.find(said), std::string::npos)
          << said << " | " << rules.error().message;
  }
}

TEST(Rules, LoadNamesTheFile) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "geminga_rules_test";
  std::filesystem::create_directories(folder);
  const auto missing = RuleSet::load(folder / "none.toml");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::io_error);
  EXPECT_NE(missing.error().message.find("none.toml"), std::string::npos);
  EXPECT_FALSE(RuleSet::load(folder).has_value()) << "a folder is no file";
  std::ofstream(folder / "one.toml") << "[[rule]]\npattern='a'\ntool='t'\n";
  EXPECT_EQ(RuleSet::load(folder / "one.toml").value().size(), 1U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace geminga::orchestrator
