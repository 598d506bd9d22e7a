#include "orchestrator/matching/semantic_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {
namespace {

using ::testing::HasSubstr;

/// Knows two meanings: everything about the sky, and everything else.
class SkyEmbedder final : public Embedder {
 public:
  [[nodiscard]] Result<std::vector<float>> embed(std::string_view text) const override {
    if (fails) return fail(ErrorCode::unavailable, "the model is asleep");
    for (const std::string_view word : {"weather", "rain", "umbrella"})
      if (text.contains(word)) return std::vector<float>{3, 0};
    return std::vector<float>{0, 2};
  }
  bool fails = false;
};

const std::vector<ToolView> kTools = {
    {.server = "s", .tool = "weather", .description = "Tells the weather"},
    {.server = "s", .tool = "stocks", .description = "Tells prices of stocks", .uses = 3}};

TEST(Cosine, OfVectorsThatFitTogether) {
  EXPECT_DOUBLE_EQ(cosine({1, 0}, {5, 0}), 1);
  EXPECT_DOUBLE_EQ(cosine({1, 0}, {0, 5}), 0);
  EXPECT_DOUBLE_EQ(cosine({1, 0}, {-1, 0}), -1);
  EXPECT_DOUBLE_EQ(cosine({0, 0}, {1, 0}), 0);
  EXPECT_DOUBLE_EQ(cosine({1}, {1, 0}), 0);
}

TEST(Embedding, FindsWhatSharesNoWord) {
  const auto embedder = std::make_shared<SkyEmbedder>();
  const Matcher matcher(RuleSet{}, kTools, {.embedder = embedder});
  const Decision decision = matcher.match("will an umbrella do");
  EXPECT_TRUE(decision.matched) << decision.explanation;
  EXPECT_EQ(decision.tool, "weather");
  EXPECT_EQ(decision.method, MatchMethod::embedding);
  EXPECT_DOUBLE_EQ(decision.confidence, 0.7);
  EXPECT_EQ(parse_decision(to_json(decision)).value(), decision);
  EXPECT_FALSE(Matcher(RuleSet{}, kTools).match("will an umbrella do").matched);
  // Words and use add what they weigh.
  EXPECT_DOUBLE_EQ(matcher.match("weather").confidence, 0.9);
  EXPECT_DOUBLE_EQ(matcher.match("stocks").confidence, 1);
  const auto explained = nlohmann::json::parse(matcher.explain("rain"));
  EXPECT_EQ(explained["embedding"]["candidates"][0]["tool"], "weather");
  EXPECT_EQ(explained["embedding"]["candidates"][0]["cosine"], 1.0);
}

TEST(Embedding, OfEqualToolsNoneIsCalled) {
  std::vector<ToolView> tools = {kTools[0], kTools[0]};
  tools[1].server = "t";
  const MatcherOptions options{.embedder = std::make_shared<SkyEmbedder>()};
  const Decision tied = Matcher(RuleSet{}, tools, options).match("tells the weather");
  EXPECT_FALSE(tied.matched);
  EXPECT_DOUBLE_EQ(tied.confidence, 0.5);
  tools[1].uses = 1;
  const Decision used = Matcher(RuleSet{}, tools, options).match("tells the weather");
  EXPECT_TRUE(used.matched);
  EXPECT_EQ(used.server, "t");
}

TEST(Embedding, WithoutItsModelTheWordsDecide) {
  const auto embedder = std::make_shared<SkyEmbedder>();
  const Matcher matcher(RuleSet{}, kTools, {.embedder = embedder});
  embedder->fails = true;
  const Decision decision = matcher.match("tell me prices of stocks");
  EXPECT_EQ(decision.tool, "stocks");
  EXPECT_EQ(decision.method, MatchMethod::bm25);
  EXPECT_THAT(nlohmann::json::parse(matcher.explain("stocks"))["embedding"]["error"], HasSubstr("asleep"));
}

}  // namespace
}  // namespace geminga::orchestrator
