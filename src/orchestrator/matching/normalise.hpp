#pragma once

#include <string>
#include <string_view>

namespace geminga::orchestrator {

/// What ingress makes of a sentence before it is matched: ends trimmed, `[design ...]` and `(design ...)`
/// taken out, a leading greeting taken off ("hey Gemini, ", "hi assistant!"),
/// when's, where's, what's, who's and how's written out. Letter case stays. Any bytes may come in; sequences
/// of UTF-8 stay whole. The result may be empty.
std::string normalise_query(std::string_view text);

}  // namespace geminga::orchestrator
