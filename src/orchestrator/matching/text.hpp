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

/// One word as such a term; empty for a stop word.
std::string term_of(std::string_view word);

}  // namespace geminga::orchestrator
