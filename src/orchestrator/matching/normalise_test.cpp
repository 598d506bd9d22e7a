#include "orchestrator/matching/normalise.hpp"

#include <gtest/gtest.h>

namespace geminga::orchestrator {
namespace {

struct Row {
  std::string_view in;
  std::string_view out;
};

constexpr Row kRows[] = {
    // trim
    {"", ""},
    {"  \t\r\n ", ""},
    {"  find   a\tcafe \n", "find   a\tcafe"},
    {"list .cpp files in . now", "list .cpp files in . now"},
    // greeting
    {"hey gemini, find a cafe", "find a cafe"},
    {"Hey Gemini find a cafe", "find a cafe"},
    {"HELLO ASSISTANT! Find a cafe", "Find a cafe"},
    {"hi AI: find a cafe", "find a cafe"},
    {"hi, bot - find a cafe", "find a cafe"},
    {"hello gemini", ""},
    {"hey assistant...", ""},
    {"hello world", "hello world"},
    {"hi there, find a cafe", "hi there, find a cafe"},
    {"hey botanist, what is this?", "hey botanist, what is this?"},
    {"hey aide me", "hey aide me"},
    {"heygemini find a cafe", "heygemini find a cafe"},
    {"say hey gemini to her", "say hey gemini to her"},
    {"hey gemini hey gemini go", "hey gemini go"},  // one greeting, the rest is the sentence
    // contractions
    {"when's the train?", "when is the train?"},
    {"Where's Waldo", "Where is Waldo"},
    {"WHAT'S UP", "WHAT IS UP"},
    {"who's there", "who is there"},
    {"how's the weather", "how is the weather"},
    {"what\xE2\x80\x99s new", "what is new"},
    {"and what's where's it", "and what is where is it"},
    {"somewhat's odd", "somewhat's odd"},
    {"that's fine", "that's fine"},
    {"what's", "what is"},
    {"what'sit", "what'sit"},
    {"whats new", "whats new"},
    {"\"what's new\"", "\"what is new\""},
    // design markers
    {"[design blue] find a cafe", "find a cafe"},
    {"find (design: dark, wide) a cafe", "find a cafe"},
    {"find a cafe [Design]", "find a cafe"},
    {"find a cafe [design x].", "find a cafe."},
    {"keep  two  blanks [design x]  here", "keep  two  blanks here"},
    {"[design a](design b) go [DESIGN c] on", "go on"},
    {"a[design x]b", "a b"},
    {"[designer shoes] please", "[designer shoes] please"},
    {"(redesign) it", "(redesign) it"},
    {"[design never closed", "[design never closed"},
    {"(design wrong bracket] go", "(design wrong bracket] go"},
    // all of it, in any order
    {" [design x] Hey Gemini, what's (design y) in Berlin? ", "what is in Berlin?"},
    {"Hey (design y) Gemini what's new", "what is new"},
    // letter case and other scripts stay
    {"Hey bot, Größe von ÜBUNG?", "Größe von ÜBUNG?"},
    {"hi ai 今天天气怎么样", "今天天气怎么样"},
    {"hey geminié go", "hey geminié go"},
};

TEST(Normalise, FollowsTheTable) {
  for (const Row& row : kRows) EXPECT_EQ(normalise_query(row.in), row.out) << row.in;
}

TEST(Normalise, TakesAnyBytes) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string once = normalise_query(all);
  EXPECT_EQ(normalise_query(once), once);
  EXPECT_EQ(normalise_query("what\xE2\x80"), "what\xE2\x80");
  EXPECT_EQ(normalise_query("[design \xFF"), "[design \xFF");
}

TEST(Normalise, IsLinearInALongSentence) {
  // Quadratic work on 5 MiB of open brackets would not end within the time of this test.
  std::string open;
  while (open.size() < (std::size_t{5} << 20U)) open += "[design ";
  EXPECT_EQ(normalise_query(open).size(), open.size() - 1);
}

}  // namespace
}  // namespace geminga::orchestrator
