#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace geminga::orchestrator {

/// What a piece of a sentence looks like.
enum class TokenKind : std::uint8_t {
  word,
  number,  ///< 12, -3.5, 1,000, $20, 45%, 10km, "seven"
  date,    ///< 2026-11-21, May 1, 2024, 1st of May 2024; of a day in words (tomorrow) nobody here knows the
           ///< date
  time,    ///< 14:30, 3 pm
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

/// The sentence in pieces, in order.
std::vector<Token> read_tokens(std::string_view sentence);

/// The words of an identifier or a name in lower case and stemmed; none is dropped: "fromDate" is from, date.
std::vector<std::string> name_words(std::string_view name);

}  // namespace geminga::orchestrator
