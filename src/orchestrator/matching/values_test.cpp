#include "orchestrator/matching/values.hpp"

#include <gtest/gtest.h>

namespace geminga::orchestrator {
namespace {

std::vector<Token> tokens_of(std::string_view text) {
  return read_sentence(text).tokens;
}

struct Row {
  const char* sentence;
  TokenKind kind;
  const char* value;  ///< of the one token of this kind
};

constexpr Row kRows[] = {
    {"add 12 please", TokenKind::number, "12"},
    {"it is -3.5.", TokenKind::number, "-3.5"},
    {"pay 1,234,567.89 now", TokenKind::number, "1234567.89"},
    {"costs $20,", TokenKind::number, "20"},
    {"about 45% of it", TokenKind::number, "45"},
    {"walk 10km", TokenKind::number, "10"},
    {"the 2nd one", TokenKind::number, "2"},
    {"roll (6) dice", TokenKind::number, "6"},
    {"buy seven apples", TokenKind::number, "7"},
    {"x=5", TokenKind::number, "5"},
    {"height:170", TokenKind::number, "170"},
    {"on 2024-05-01.", TokenKind::date, "2024-05-01"},
    {"on 2024/5/1", TokenKind::date, "2024-05-01"},
    {"at 2024-05-01T12:30:00Z", TokenKind::date, "2024-05-01T12:30:00Z"},
    {"on 25/12/2024", TokenKind::date, "2024-12-25"},
    {"on 12/25/2024", TokenKind::date, "2024-12-25"},
    {"on May 1, 2024 in Rome", TokenKind::date, "2024-05-01"},
    {"the 1st of May 2024", TokenKind::date, "2024-05-01"},
    {"5 Dec 2023", TokenKind::date, "2023-12-05"},
    {"at 14:30", TokenKind::time, "14:30"},
    {"at 2:30pm!", TokenKind::time, "14:30"},
    {"at 3 pm", TokenKind::time, "15:00"},
    {"at 12 am", TokenKind::time, "00:00"},
    {"see https://example.com/a?b=1.", TokenKind::url, "https://example.com/a?b=1"},
    {"see www.example.com", TokenKind::url, "https://www.example.com"},
    {"mail a.b@example.com, now", TokenKind::email, "a.b@example.com"},
    {"read /srv/data/x.txt", TokenKind::path, "/srv/data/x.txt"},
    {"open main.cpp", TokenKind::path, "main.cpp"},
    {"say \"hello world\"", TokenKind::quoted, "hello world"},
    {"say 'it is' now", TokenKind::quoted, "it is"},
    {"call `ls`", TokenKind::quoted, "ls"},
    {"say \xE2\x80\x9Chi\xE2\x80\x9D", TokenKind::quoted, "hi"},
    {"sum [1, 2, 3]", TokenKind::list, "1, 2, 3"},
};

TEST(Tokens, EveryKindOfValueIsReadOnce) {
  for (const Row& row : kRows) {
    std::vector<std::string> values;
    for (const Token& token : tokens_of(row.sentence))
      if (token.kind == row.kind) values.push_back(token.value);
    ASSERT_EQ(values.size(), 1U) << row.sentence;
    EXPECT_EQ(values[0], row.value) << row.sentence;
  }
}

TEST(Tokens, WhatCouldBeTwoThingsIsNeither) {
  for (const char* sentence : {"on 05/04/2024", "version 1.2.3", "don't say it's 'fine", "24/7", "2024-02-30",
                               "4x4", "rock'n'roll", "3D"})
    for (const Token& token : tokens_of(sentence))
      EXPECT_TRUE(token.kind == TokenKind::word || token.kind == TokenKind::number ||
                  token.kind == TokenKind::unread_number)
          << sentence << ": " << token.text;
}

TEST(Tokens, KeepTheirPlaceAndTheMarksBehindThem) {
  const std::string_view sentence = "Find the Eiffel Tower, Paris's best: \"view\".";
  const auto tokens = tokens_of(sentence);  // Find the Eiffel Tower Paris best view
  ASSERT_EQ(tokens.size(), 7U);
  for (const Token& token : tokens)
    EXPECT_TRUE(sentence.substr(token.begin, token.end - token.begin).contains(token.text));
  EXPECT_FALSE(tokens[0].capital);
  EXPECT_TRUE(tokens[2].capital);
  EXPECT_TRUE(tokens[3].comma_follows);
  EXPECT_EQ(tokens[4].text, "Paris");
  EXPECT_TRUE(tokens[5].clause_ends);
  EXPECT_FALSE(tokens[5].comma_follows);
  EXPECT_EQ(tokens[6].kind, TokenKind::quoted);
}

TEST(Tokens, AnyBytesMayComeIn) {
  for (const char* sentence : {"", " ", "\"", "'", "[", "\xFF\xFE", "=", "a=", "=a", "...", "\xE2\x80\x9C",
                               "$", "-", "1,", "::", "12:", "T", "[]", "()"})
    for (const Token& token : tokens_of(sentence))
      EXPECT_LE(token.end, std::string_view(sentence).size()) << sentence;
}

/// Looking for the end of each quote took a second for a query of 1 MiB, the largest that may be allowed.
TEST(Tokens, QuotesThatNeverEndAreLookedForOnce) {
  for (const char* piece : {"'a ",
                            "\xE2\x80\x98"
                            "a ",
                            "[a ", "'a b'c "}) {
    std::string sentence;
    while (sentence.size() < (std::size_t{1} << 20U)) sentence += piece;
    const Sentence read = read_sentence(sentence);
    EXPECT_TRUE(read.cut);
    EXPECT_LE(read.tokens.size(), kTokensMax);
    EXPECT_LE(read.words.size(), 2 * kTokensMax);
  }
}

TEST(Tokens, NamesAreCutIntoWords) {
  EXPECT_EQ(name_words("fromDate"), (std::vector<std::string>{"from", "date"}));
  EXPECT_EQ(name_words("user_ids"), (std::vector<std::string>{"user", "id"}));
  EXPECT_TRUE(name_words("").empty());
}

}  // namespace
}  // namespace geminga::orchestrator
