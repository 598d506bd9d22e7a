#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace geminga::orchestrator {

/// The terms of a description or a name: identifiers are split ("list_allowed_directories", "getSum",
/// "get-structured-content"), ASCII letters lowered, stop words dropped, the rest stemmed. In text order.
std::vector<std::string> terms_of(std::string_view text);

/// The words of a text as they stand, identifiers split; pieces of `text`.
std::vector<std::string_view> words_of(std::string_view text);

struct QueryTerm {
  std::string term;
  std::string word;  ///< as it stood in the sentence
  /// It looks like a value to work on rather than like a word for a tool: a number, something in quotes, a
  /// path, a URL, a mail address, or a name in capitals inside the sentence. Such a word that no tool knows
  /// does not speak against a match.
  bool value = false;
};

/// The terms of a sentence, each once, in order. Quoted text of several words is left out.
std::vector<QueryTerm> query_terms(std::string_view sentence);

}  // namespace geminga::orchestrator
