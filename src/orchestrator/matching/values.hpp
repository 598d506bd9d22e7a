#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/matching/tokens.hpp"

namespace geminga::orchestrator {

/// The sentence in pieces, in order.
std::vector<Token> read_tokens(std::string_view sentence);

/// The words of an identifier or a name in lower case and stemmed; none is dropped: "fromDate" is from, date.
std::vector<std::string> name_words(std::string_view name);

}  // namespace geminga::orchestrator
