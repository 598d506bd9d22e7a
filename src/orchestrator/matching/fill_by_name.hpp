#pragma once

#include "orchestrator/matching/filling.hpp"

namespace geminga::orchestrator {

/// What the words of the sentence lead to: choices of an enum, truth values, what stands near the argument's
/// name and what stands behind a preposition.
void fill_by_name(Filling& filling);

}  // namespace geminga::orchestrator
