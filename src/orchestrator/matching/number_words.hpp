#pragma once

#include <string_view>
#include <vector>

#include "orchestrator/matching/tokens.hpp"

namespace geminga::orchestrator {

/// Joins what makes up one number: "two hundred and five", "5 million", "twenty-five", "a dozen", "minus 5".
/// What could be another number than the one that its first word says becomes an unread_number:
/// "twenty fifth", "two and a half", "two thirds", "5 to 10 million" (its 5), "nineteen ninety". Number words
/// in capitals inside the sentence are names (Seven Samurai).
void read_number_words(std::vector<Token>& tokens, std::string_view sentence);

}  // namespace geminga::orchestrator
