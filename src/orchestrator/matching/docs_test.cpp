// The examples of docs/matching.md do what it says.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "orchestrator/matching/confidence.hpp"
#include "orchestrator/matching/extraction.hpp"
#include "orchestrator/matching/matcher.hpp"
#include "orchestrator/matching/normalise.hpp"
#include "orchestrator/matching/testing/labelled_set.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

std::string page() {
  std::ifstream in(GEMINGA_SOURCE_DIR "/docs/matching.md");
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string between(const std::string& text, const std::string& start, const std::string& end) {
  const std::size_t from = text.find(start);
  if (from == std::string::npos) return {};
  const std::size_t to = text.find(end, from + start.size());
  return to == std::string::npos ? std::string{} : text.substr(from + start.size(), to - from - start.size());
}

/// What stands in `backticks` in a cell.
std::vector<std::string> quoted_in(const std::string& cell) {
  std::vector<std::string> found;
  std::size_t from = cell.find('`');
  while (from != std::string::npos) {
    const std::size_t to = cell.find('`', from + 1);
    if (to == std::string::npos) break;
    found.push_back(cell.substr(from + 1, to - from - 1));
    from = cell.find('`', to + 1);
  }
  return found;
}

TEST(MatchingPage, ExamplesOfRulesAreTrue) {
  const auto rules = RuleSet::parse(between(page(), "```toml\n", "```"), "docs/matching.md");
  ASSERT_TRUE(rules.has_value()) << rules.error().message;
  const Matcher matcher(*rules, testing::load_tools(GEMINGA_SOURCE_DIR "/tests/data/matching/tools.json"));
  std::istringstream table(between(page(), "| sentence | what becomes of it |\n| --- | --- |\n", "\n\n"));
  int rows = 0;
  for (std::string line; std::getline(table, line); ++rows) {
    const std::string sentence = between(line, "| ", " | ");
    const std::string outcome = line.substr(line.find(" | ") + 3);
    const std::vector<std::string> quoted = quoted_in(outcome);
    ASSERT_EQ(quoted.size(), 2U) << line;
    const Decision decision = matcher.match(normalise_query(sentence));
    EXPECT_EQ(decision.method, MatchMethod::rule) << line;
    EXPECT_EQ(decision.tool, quoted[0]) << line;
    EXPECT_EQ(decision.matched, !outcome.starts_with("plan")) << line;
    if (decision.matched)
      EXPECT_EQ(json::parse(decision.params), json::parse(quoted[1])) << decision.params;
    else
      EXPECT_EQ(decision.missing_arguments, std::vector<std::string>{quoted[1]}) << line;
  }
  EXPECT_GE(rows, 4);
}

TEST(MatchingPage, ExamplesOfArgumentsAreTrue) {
  // The arguments of the page and of what type they are.
  const json property = json::parse(
      R"({"mode":{"enum":["one_way","round_trip"]},"verbose":{"type":"boolean"},"base":{"type":"number"},
      "height":{"type":"number"},"origin":{"type":"string"},"destination":{"type":"string"},"path":{"type":"string"},"a":{"type":"number"},
      "b":{"type":"number"},"numbers":{"type":"array","items":{"type":"number"}},"message":{"type":"string"}})");
  std::istringstream table(between(page(), "| from | example | becomes |\n| --- | --- | --- |\n", "\n\n"));
  int rows = 0;
  for (std::string line; std::getline(table, line);) {
    const std::string sentence = between(line, " | \"", "\" | ");
    const std::vector<std::string> quoted = quoted_in(line.substr(line.rfind("\" | ") + 1));
    if (sentence.empty()) continue;
    ASSERT_EQ(quoted.size(), 1U) << line;
    const json wanted = json::parse(quoted[0]);
    json schema = {{"properties", json::object()}, {"required", json::array()}};
    for (const auto& [name, value] : wanted.items()) {
      schema["properties"][name] = property.at(name);
      schema["required"].push_back(name);
    }
    json params = json::object();
    fill_from_sentence(schema, "echo", read_sentence(sentence), params);
    EXPECT_EQ(params, wanted) << sentence;
    ++rows;
  }
  EXPECT_EQ(rows, 8);
}

TEST(MatchingPage, TheFormulaIsTheOneInUse) {
  EXPECT_NE(
      page().find("1 / (1 + exp(8.35 − 1.5 · c − 5.9 · min(w, 0.8) − 1.8 · n − 6 · min(m, 0.3) − 1.8 · a))"),
      std::string::npos);
  EXPECT_NEAR(bm25_confidence({.coverage = 0.5, .mass = 0.7, .named = 0.5, .margin = 0.25, .arguments = 0.5}),
              1 / (1 + std::exp(8.35 - 1.5 * 0.5 - 5.9 * 0.7 - 1.8 * 0.5 - 6 * 0.25 - 1.8 * 0.5)), 1e-12);
  EXPECT_NEAR(bm25_confidence({.coverage = 1, .mass = 9, .named = 1, .margin = 1, .arguments = 1}),
              1 / (1 + std::exp(8.35 - 1.5 - 5.9 * 0.8 - 1.8 - 6 * 0.3 - 1.8)), 1e-12);
}

}  // namespace
}  // namespace geminga::orchestrator
