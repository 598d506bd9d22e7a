#include "orchestrator/matching/bm25.hpp"

#include <gtest/gtest.h>

#include "orchestrator/matching/confidence.hpp"
#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {
namespace {

std::vector<ToolView> three_tools() {
  return {{.server = "s", .tool = "read_graph", .description = "Read the whole graph of knowledge"},
          {.server = "s",
           .tool = "echo",
           .description = "Echoes a message back",
           .input_schema = R"({"type":"object",
           "properties":{"message":{"type":"string","description":"What to repeat"},
                         "options":{"type":"object","properties":{"loudness":{"description":"Volume in decibels"}}},
                         "parts":{"type":"array","items":{"properties":{"snippet":{}}}}}})"},
          {.server = "s", .tool = "getTinyImage", .description = "A logo"}};
}

TEST(Bm25, FindsByNameDescriptionAndParametersHoweverDeep) {
  const auto tools = three_tools();
  const Bm25Index index(tools);
  const std::pair<const char*, std::uint32_t> rows[] = {
      {"reading graphs", 0}, {"knowledge", 0}, {"echo", 1},  {"repeat", 1},
      {"decibels", 1},       {"snippets", 1},  {"image", 2}, {"logos", 2}};
  for (const auto& [sentence, tool] : rows) {
    const Ranking ranking = index.rank(sentence, 5);
    ASSERT_FALSE(ranking.hits.empty()) << sentence;
    EXPECT_EQ(ranking.hits[0].tool, tool) << sentence;
  }
}

TEST(Bm25, CoverageCountsWordsThatNoToolKnowsButNotValues) {
  const auto tools = three_tools();
  const Bm25Index index(tools);
  EXPECT_EQ(index.rank("read the graph", 5).coverage, 1);
  EXPECT_EQ(index.rank("read the graph 42 \"some text\" in Berlin", 5).coverage, 1);
  const double half = index.rank("read the graph sideways quickly", 5).coverage;
  EXPECT_GT(half, 0.3);
  EXPECT_LT(half, 0.7);
  const Ranking none = index.rank("compose a haiku", 5);
  EXPECT_TRUE(none.hits.empty());
  EXPECT_EQ(none.coverage, 0);
  EXPECT_EQ(none.mass, 0);
}

TEST(Bm25, MarginIsTheDistanceToTheSecond) {
  const auto tools = three_tools();
  EXPECT_EQ(Bm25Index(tools).rank("knowledge", 5).margin, 1);
  const std::vector<ToolView> twins = {{.server = "a", .tool = "x", .description = "same words"},
                                       {.server = "b", .tool = "x", .description = "same words"}};
  const Ranking ranking = Bm25Index(twins).rank("same words", 1);
  EXPECT_EQ(ranking.margin, 0);
  ASSERT_EQ(ranking.hits.size(), 1U);
  EXPECT_EQ(ranking.hits[0].tool, 0U) << "a tie keeps the order of the tools";
}

TEST(Bm25, EarlierUseBreaksATieAndNoMore) {
  std::vector<ToolView> tools = {
      {.server = "a", .tool = "x", .description = "same words"},
      {.server = "b", .tool = "x", .description = "same words", .uses = 7},
      {.server = "c", .tool = "y", .description = "same words and better ones", .uses = 0}};
  EXPECT_EQ(Bm25Index(tools).rank("same words", 5).hits[0].tool, 1U);
  tools[1].uses = 1'000'000;
  EXPECT_EQ(Bm25Index(tools).rank("same better words", 5).hits[0].tool, 2U);
  EXPECT_TRUE(Bm25Index(tools).rank("nothing known", 5).hits.empty()) << "use alone is no match";
}

TEST(Bm25, TakesAnySchemaAndNoTools) {
  EXPECT_TRUE(Bm25Index({}).rank("anything", 5).hits.empty());
  const std::string deep = std::string(100'000, '[');
  for (const std::string& schema :
       {std::string("null"), std::string("[]"), std::string("{\"properties\":3}"), std::string("x"), deep,
        std::string(R"({"properties":{"a":{"description":7,"items":[1]}}})")}) {
    const std::vector<ToolView> tools = {{.server = "s", .tool = "echo", .input_schema = schema}};
    EXPECT_EQ(Bm25Index(tools).rank("echo", 5).hits.size(), 1U);
  }
}

TEST(Confidence, GrowsWithEachKindOfEvidenceAndStaysWithinZeroAndOne) {
  const double steps[] = {-1, 0, 0.1, 0.3, 0.5, 0.9, 1, 1.5, 100};
  for (const double a : steps) {
    for (const double b : steps) {
      double last_coverage = 0;
      double last_mass = 0;
      double last_margin = 0;
      for (const double x : steps) {
        const double coverage = bm25_confidence({.coverage = x, .mass = a, .margin = b});
        const double mass = bm25_confidence({.coverage = a, .mass = x, .margin = b});
        const double margin = bm25_confidence({.coverage = a, .mass = b, .margin = x});
        EXPECT_GE(coverage, last_coverage);
        EXPECT_GE(mass, last_mass);
        EXPECT_GE(margin, last_margin);
        EXPECT_LE(std::max({coverage, mass, margin}), 1);
        last_coverage = coverage;
        last_mass = mass;
        last_margin = margin;
      }
    }
  }
  EXPECT_LT(bm25_confidence({}), 0.01);
  EXPECT_GT(bm25_confidence({.coverage = 1, .mass = 2, .margin = 1}), 0.9);
}

}  // namespace
}  // namespace geminga::orchestrator
