#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/matching/tokens.hpp"

namespace geminga::orchestrator {

/// So many tokens of a sentence are read; with 8 KiB, the usual limit of a query, English stays below.
inline constexpr std::size_t kTokensMax = 2'000;

/// A sentence in pieces, read once for everything that asks of it.
struct Sentence {
  struct Word {
    std::string term{};     ///< see name_words()
    std::size_t token = 0;  ///< whose word it is
  };
  std::string_view text{};  ///< must live longer
  std::vector<Token> tokens{};
  std::vector<Word> words{};  ///< of all tokens in order, at most twice kTokensMax
  bool cut = false;           ///< it has more than kTokensMax pieces, and the others were not read
};

/// Takes time in proportion to the length, whatever comes.
Sentence read_sentence(std::string_view text);

/// The words of an identifier or a name in lower case and stemmed; none is dropped: "fromDate" is from, date.
std::vector<std::string> name_words(std::string_view name);

}  // namespace geminga::orchestrator
