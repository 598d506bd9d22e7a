#include "orchestrator/matching/query_terms.hpp"

#include <algorithm>
#include <unordered_set>

#include "orchestrator/matching/ascii.hpp"
#include "orchestrator/matching/text.hpp"

namespace geminga::orchestrator {
namespace {

bool has_digit(std::string_view word) {
  return std::ranges::any_of(word, is_digit);
}

/// A list, a path, a URL, an address, a file name, one of the sides of "a=1": nothing that names a tool.
bool is_structured(std::string_view sentence, const Token& token) {
  if (token.kind == TokenKind::list || token.text.find_first_of("/\\@~*=.") != std::string::npos) return true;
  return (token.begin > 0 && sentence[token.begin - 1] == '=') ||
         (token.end < sentence.size() && sentence[token.end] == '=');
}

}  // namespace

std::vector<QueryTerm> query_terms(const Sentence& sentence) {
  std::vector<QueryTerm> terms;
  std::unordered_set<std::string> seen;
  bool first = true;
  for (const Token& token : sentence.tokens) {
    const bool quoted = token.kind == TokenKind::quoted;
    // Several quoted words are text to work on; a single one may be the name of a tool.
    if (quoted && std::ranges::any_of(token.text, is_blank)) continue;
    const bool value = quoted || is_structured(sentence.text, token);
    for (const std::string_view word : words_of(token.text)) {
      const bool name = !first && is_upper(word.front());
      first = false;
      std::string term = term_of(word);
      if (term.empty() || !seen.insert(term).second) continue;
      if (terms.size() == kTokensMax) return terms;
      terms.push_back(
          {.term = std::move(term), .word = std::string(word), .value = value || name || has_digit(word)});
    }
  }
  return terms;
}

}  // namespace geminga::orchestrator
