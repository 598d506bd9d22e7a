#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace geminga::orchestrator {

/// What a piece of a sentence looks like.
enum class TokenKind : std::uint8_t {
  word,
  number,  ///< 12, -3.5, 1,000, $20, 45%, 10km, "two hundred and five", 5 million, minus 5
  /// A number that could be two things, so that it is neither: "twenty fifth", "3 1/2", 2k
  unread_number,
  date,  ///< 2026-11-21, May 1, 2024, 1st of May 2024; of a day in words (tomorrow) nobody here knows the
         ///< date
  time,  ///< 14:30, 3 pm
  url,
  email,
  path,  ///< /srv/x, ~/notes, main.cpp
  quoted,
  list,  ///< [1, 2, 3]
};

/// One word or one value of a sentence.
struct Token {
  TokenKind kind = TokenKind::word;
  std::string text{};     ///< as it stands, without quotes and punctuation around it
  std::string term{};     ///< in lower case and stemmed, to be compared with words of names
  std::string value{};    ///< 1000 for "1,000"; 2024-05-01 for a date; 14:30 for a time; otherwise the text
  std::size_t begin = 0;  ///< bytes in the sentence, with quotes
  std::size_t end = 0;
  bool capital = false;        ///< begins with a capital inside the sentence
  bool clause_ends = false;    ///< . , ; : ? ! stands behind it
  bool comma_follows = false;  ///< a comma, of these
};

/// Makes one value of the tokens from `first` to `last`.
inline void join(Token& first, const Token& last, TokenKind kind, std::string value,
                 std::string_view sentence) {
  first.kind = kind;
  first.value = std::move(value);
  first.end = last.end;
  first.clause_ends = last.clause_ends;
  first.comma_follows = last.comma_follows;
  first.capital = false;
  first.text = std::string(sentence.substr(first.begin, first.end - first.begin));
}

}  // namespace geminga::orchestrator
