// The worth of the matcher on the committed sentences. A change that makes it worse than these floors has to
// show why.
#include "orchestrator/matching/testing/labelled_set.hpp"

#include <gtest/gtest.h>

#include "orchestrator/matching/normalise.hpp"

namespace geminga::orchestrator::testing {
namespace {

struct Worth {
  int related = 0;
  int named = 0;  // a tool was named with a confidence over the threshold
  int named_right = 0;
  int called_wrong = 0;  // it would have been called, and is the wrong one
};

Worth measure(const RuleSet& rules) {
  const std::string data = GEMINGA_SOURCE_DIR "/tests/data/matching/";
  const Matcher matcher(rules, load_tools(data + "tools.json"));
  Worth worth;
  for (const LabelledSentence& sentence : load_sentences(data + "sentences.tsv")) {
    if (!sentence.held_out) continue;
    worth.related += !sentence.tools.empty();
    const Decision decision = matcher.match(normalise_query(sentence.text));
    if (decision.tool.empty()) continue;
    ++worth.named;
    const bool right = is_right(sentence, decision.tool);
    worth.named_right += right;
    worth.called_wrong += decision.matched && !right;
    EXPECT_TRUE(right || !decision.matched) << sentence.text << " calls " << decision.tool;
  }
  return worth;
}

TEST(LabelledSentences, HeldOutPrecisionAndCoverage) {
  const Worth words = measure(RuleSet{});
  EXPECT_GE(words.related, 70);
  EXPECT_GE(words.named_right, 0.9 * words.named);
  EXPECT_GE(words.named_right, 0.6 * words.related);
  EXPECT_EQ(words.called_wrong, 0);
  const Worth all = measure(RuleSet::defaults());
  EXPECT_GE(all.named_right, 0.95 * all.named);
  EXPECT_GE(all.named_right, 0.8 * all.related);
  EXPECT_EQ(all.called_wrong, 0);
}

}  // namespace
}  // namespace geminga::orchestrator::testing
