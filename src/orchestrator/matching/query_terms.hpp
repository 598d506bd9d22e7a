#pragma once

#include <string>
#include <vector>

#include "orchestrator/matching/values.hpp"

namespace geminga::orchestrator {

struct QueryTerm {
  std::string term;
  std::string word;  ///< as it stood in the sentence
  /// It looks like a value to work on rather than like a word for a tool: a number, something in quotes, a
  /// path, a URL, a mail address, or a name in capitals inside the sentence. Such a word that no tool knows
  /// does not speak against a match.
  bool value = false;
};

/// The terms of a sentence, each once, in order, at most kTokensMax. Quoted text of several words is left
/// out.
std::vector<QueryTerm> query_terms(const Sentence& sentence);

}  // namespace geminga::orchestrator
