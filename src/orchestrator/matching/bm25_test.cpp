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
    const Ranking ranking = index.rank(read_sentence(sentence), 5);
    ASSERT_FALSE(ranking.hits.empty()) << sentence;
    EXPECT_EQ(ranking.hits[0].tool, tool) << sentence;
  }
}

TEST(Bm25, CoverageCountsWordsThatNoToolKnowsButNotValues) {
  const auto tools = three_tools();
  const Bm25Index index(tools);
  EXPECT_EQ(index.rank(read_sentence("read the graph"), 5).coverage, 1);
  EXPECT_EQ(index.rank(read_sentence("read the graph 42 \"some text\" in Berlin"), 5).coverage, 1);
  const double half = index.rank(read_sentence("read the graph sideways quickly"), 5).coverage;
  EXPECT_GT(half, 0.3);
  EXPECT_LT(half, 0.7);
  const Ranking none = index.rank(read_sentence("compose a haiku"), 5);
  EXPECT_TRUE(none.hits.empty());
  EXPECT_EQ(none.coverage, 0);
  EXPECT_EQ(none.mass, 0);
}

TEST(Bm25, TheNameIsHowMuchOfItTheSentenceSays) {
  const auto tools = three_tools();
  const Bm25Index index(tools);
  EXPECT_EQ(index.rank(read_sentence("please read me the graphs"), 5).named, 1);
  EXPECT_EQ(index.rank(read_sentence("what does the graph know"), 5).named, 0.5);
  EXPECT_EQ(index.rank(read_sentence("repeat this"), 5).named, 0)
      << "a word of a parameter is none of the name";
  EXPECT_NEAR(index.rank(read_sentence("a tiny logo"), 5).named, 1.0 / 3, 1e-9);
}

TEST(Bm25, MarginIsTheDistanceToTheSecond) {
  const auto tools = three_tools();
  EXPECT_EQ(Bm25Index(tools).rank(read_sentence("knowledge"), 5).margin, 1);
  const std::vector<ToolView> twins = {{.server = "a", .tool = "x", .description = "same words"},
                                       {.server = "b", .tool = "x", .description = "same words"}};
  const Ranking ranking = Bm25Index(twins).rank(read_sentence("same words"), 1);
  EXPECT_EQ(ranking.margin, 0);
  ASSERT_EQ(ranking.hits.size(), 1U);
  EXPECT_EQ(ranking.hits[0].tool, 0U) << "a tie keeps the order of the tools";
}

TEST(Bm25, EarlierUseBreaksATieAndNoMore) {
  std::vector<ToolView> tools = {
      {.server = "a", .tool = "x", .description = "same words"},
      {.server = "b", .tool = "x", .description = "same words", .uses = 7},
      {.server = "c", .tool = "y", .description = "same words and better ones", .uses = 0}};
  EXPECT_EQ(Bm25Index(tools).rank(read_sentence("same words"), 5).hits[0].tool, 1U);
  tools[1].uses = 1'000'000;
  EXPECT_EQ(Bm25Index(tools).rank(read_sentence("same better words"), 5).hits[0].tool, 2U);
  EXPECT_TRUE(Bm25Index(tools).rank(read_sentence("nothing known"), 5).hits.empty())
      << "use alone is no match";
}

TEST(Bm25, TakesAnySchemaAndNoTools) {
  EXPECT_TRUE(Bm25Index({}).rank(read_sentence("anything"), 5).hits.empty());
  const std::string deep = std::string(100'000, '[');
  for (const std::string& schema :
       {std::string("null"), std::string("[]"), std::string("{\"properties\":3}"), std::string("x"), deep,
        std::string(R"({"properties":{"a":{"description":7,"items":[1]}}})")}) {
    const std::vector<ToolView> tools = {{.server = "s", .tool = "echo", .input_schema = schema}};
    EXPECT_EQ(Bm25Index(tools).rank(read_sentence("echo"), 5).hits.size(), 1U);
  }
}

TEST(Confidence, GrowsWithEachKindOfEvidenceAndStaysWithinZeroAndOne) {
  constexpr double Evidence::* kKinds[] = {&Evidence::coverage, &Evidence::mass, &Evidence::named,
                                           &Evidence::margin, &Evidence::arguments};
  const double steps[] = {-1, 0, 0.1, 0.3, 0.5, 0.9, 1, 1.5, 100};
  for (const double others : steps) {
    for (const auto kind : kKinds) {
      Evidence evidence{
          .coverage = others, .mass = others, .named = others, .margin = others, .arguments = others};
      double last = 0;
      for (const double step : steps) {
        evidence.*kind = step;
        const double confidence = bm25_confidence(evidence);
        EXPECT_GE(confidence, last);
        EXPECT_LE(confidence, 1);
        last = confidence;
      }
      evidence.*kind = 0;
      EXPECT_GT(last, bm25_confidence(evidence)) << "none of them counts for nothing";
    }
  }
  EXPECT_LT(bm25_confidence({}), 0.01);
  EXPECT_EQ(bm25_confidence({.coverage = 1, .mass = 2, .named = 1, .margin = 0}), 0.5) << "a tie";
  EXPECT_GT(bm25_confidence({.coverage = 1, .mass = 2, .named = 1, .margin = 1}), 0.9);
}

}  // namespace
}  // namespace geminga::orchestrator
