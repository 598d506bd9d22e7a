#include "orchestrator/matching/number_words.hpp"

#include <gtest/gtest.h>

#include "orchestrator/matching/values.hpp"

namespace geminga::orchestrator {
namespace {

std::vector<Token> tokens_of(std::string_view text) {
  return read_sentence(text).tokens;
}

struct Row {
  const char* sentence;
  const char* numbers;  ///< all that are read, with blanks between; "?" stands for one that is not
};

constexpr Row kRows[] = {
    // whole
    {"seven apples", "7"},
    {"two hundred apples", "200"},
    {"three thousand", "3000"},
    {"two hundred and five", "205"},
    {"twenty five", "25"},
    {"twenty-five and thirty-one", "25 31"},
    {"nineteen hundred", "1900"},
    {"one thousand two hundred and thirty four", "1234"},
    {"two million three hundred thousand and seven", "2300007"},
    {"a hundred and one dalmatians", "101"},
    {"wait a thousand years", "1000"},
    {"two dozen eggs", "24"},
    {"a dozen eggs", "12"},
    {"set it to zero", "0"},
    {"seventy and thirteen", "70 13"},
    {"5 million", "5000000"},
    {"2.5 million people", "2500000"},
    {"4.35 hundred", "435"},
    {"$5 Million", "5000000"},
    {"1,500 thousand", "1500000"},
    {"5 hundred thousand", "500000"},
    {"2 million 500 thousand", "2500000"},
    {"0.0000001 million", "0.1"},
    {"12345678901234567890 trillion", "12345678901234567890000000000000"},
    // signs
    {"minus 5", "-5"},
    {"it is minus seven degrees", "-7"},
    {"negative 5 and negative twenty", "-5 -20"},
    {"add minus 5 and minus two hundred", "-5 -200"},
    {"10 minus 5", "10 5"},
    {"twelve minus two", "12 2"},
    {"x minus 5", "?"},
    {"- 5 eggs", "?"},
    {"10 - 5", "10 5"},
    {"negative -5", "?"},
    {"\xE2\x88\x92"
     "5 degrees",
     "-5"},
    // two numbers
    {"add 2 and 3", "2 3"},
    {"add 2 3", "2 3"},
    {"two, three", "2 3"},
    {"five and seven", "5 7"},
    {"one thousand and two thousand", "1000 2000"},
    {"two hundred and three hundred", "200 300"},
    {"in 2024 two million people", "2024 2000000"},
    {"five times 3", "5 3"},
    {"between 5 and 10", "5 10"},
    {"5 to 10 eggs", "5 10"},
    {"3 million and 5 million", "3000000 5000000"},
    {"twenty 5", "20 5"},
    // what could be two things
    {"two three", "?"},
    {"nineteen ninety", "?"},
    {"twenty twenty four", "?"},
    {"the twenty fifth", "?"},
    {"twenty second", "?"},
    {"five second", "5"},
    {"two thirds", "?"},
    {"two and a half", "?"},
    {"5 and a half million", "?"},
    {"two and a quarter", "?"},
    {"three quarters of it", "?"},
    {"the last 4 quarters", "4"},
    {"3 1/2", "? ?"},
    {"3\xC2\xBD", "?"},
    {"3 point 5", "? ?"},
    {"three point five", "? ?"},
    {"one point five", "?"},
    {"5 to 10 million", "? 10000000"},
    {"between 5 and 10 million", "? 10000000"},
    {"two or three hundred", "? 300"},
    {"two hundred and fifty thousand", "? ?"},
    {"5 million and 20", "? ?"},
    {"3 thousand 5", "?"},
    {"several hundred and five", "?"},
    {"half a million", "?"},
    {"a quarter of a million", "?"},
    {"5% million", "?"},
    {"2k", "?"},
    {"$5m", "?"},
    {"5M", "?"},
    {"5 M", "?"},
    {"5 k", "?"},
    {"5 bn", "?"},
    {"5 m", "5"},
    {"5m", "5"},
    {"1/2", "?"},
    // none
    {"millions of years", ""},
    {"hundreds of cats", ""},
    {"one way", ""},
    {"watch Seven Samurai", ""},
    {"read One Hundred Years of Solitude", ""},
    {"a five-year plan", ""},
};

TEST(NumberWords, AreReadWholeOrNotAtAll) {
  for (const Row& row : kRows) {
    std::string numbers;
    for (const Token& token : tokens_of(row.sentence)) {
      if (token.kind != TokenKind::number && token.kind != TokenKind::unread_number) continue;
      numbers += (numbers.empty() ? "" : " ") + (token.kind == TokenKind::number ? token.value : "?");
    }
    EXPECT_EQ(numbers, row.numbers) << row.sentence;
  }
}

TEST(NumberWords, AJoinedNumberKeepsItsPlace) {
  const std::string_view sentence = "take a hundred and five, please";
  const auto tokens = tokens_of(sentence);
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens[1].text, "a hundred and five");
  EXPECT_TRUE(tokens[1].comma_follows);
  EXPECT_EQ(sentence.substr(tokens[1].begin, tokens[1].end - tokens[1].begin), tokens[1].text);
}

TEST(NumberWords, AreReadBeforeDates) {
  const auto tokens = tokens_of("on twenty five December 2024");
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_EQ(tokens[1].value, "2024-12-25");
}

}  // namespace
}  // namespace geminga::orchestrator
