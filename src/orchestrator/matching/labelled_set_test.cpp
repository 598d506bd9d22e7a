// The worth of the matcher on the committed sentences. A change that makes it worse than these floors has to
// show why.
#include "orchestrator/matching/testing/labelled_set.hpp"

#include <map>

#include <gtest/gtest.h>

#include "orchestrator/matching/normalise.hpp"

namespace geminga::orchestrator::testing {
namespace {

struct Worth {
  int related = 0;
  int named = 0;  // a tool was named with a confidence over the threshold
  int named_right = 0;
  int called_right = 0;  // it would have been called
  int called_wrong = 0;
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
    worth.called_right += decision.matched && right;
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
  EXPECT_GE(words.called_right, 0.45 * words.related);
  EXPECT_EQ(words.called_wrong, 0);
  const Worth all = measure(RuleSet::defaults());
  EXPECT_GE(all.named_right, 0.95 * all.named);
  EXPECT_GE(all.named_right, 0.8 * all.related);
  EXPECT_GE(all.called_right, 0.6 * all.related);
  EXPECT_EQ(all.called_wrong, 0);
}

/// Questions of BFCL that took no part in the tuning, each asked of the tools of its own set (some 40), or of
/// all tools at once; then without those for no tool, for which another set may well have one.
struct Bfcl {
  int related = 0;
  int named = 0;
  int named_right = 0;
  int called = 0;
  int called_right = 0;
};

Bfcl measure_bfcl(bool at_once) {
  const std::string data = GEMINGA_SOURCE_DIR "/tests/data/matching/bfcl/";
  const auto tools = load_tools(data + "tools.json");
  const auto questions = load_questions(data + "questions.jsonl");
  std::map<std::string, std::vector<ToolView>> sets;
  for (const ToolView& tool : tools) sets[at_once ? std::string{} : tool.server].push_back(tool);
  Bfcl worth;
  for (const auto& [name, list] : sets) {
    const Matcher matcher(RuleSet{}, list);
    for (const LabelledSentence& question : questions) {
      if (!question.held_out || (at_once ? question.tools.empty() : question.set != name)) continue;
      worth.related += !question.tools.empty();
      const Decision decision = matcher.match(normalise_query(question.text));
      if (decision.tool.empty()) continue;
      const bool right = is_right(question, decision.tool);
      ++worth.named;
      worth.named_right += right;
      worth.called += decision.matched;
      worth.called_right += decision.matched && right;
    }
  }
  return worth;
}

TEST(BfclQuestions, HeldOutPrecisionAtTheThreshold) {
  for (const bool at_once : {false, true}) {
    const Bfcl worth = measure_bfcl(at_once);
    EXPECT_GE(worth.related, 150);
    EXPECT_GE(worth.named_right, 0.9 * worth.named)
        << worth.named_right << " of " << worth.named << (at_once ? " at once" : "");
    EXPECT_GE(worth.called_right, 0.9 * worth.called) << worth.called_right << " of " << worth.called;
    EXPECT_GE(worth.named_right, (at_once ? 0.4 : 0.55) * worth.related);
  }
}

}  // namespace
}  // namespace geminga::orchestrator::testing
