#pragma once

#include "orchestrator/matching/filling.hpp"

namespace geminga::orchestrator {

/// What is left of a kind where as much of it is wanted: addresses, days, numbers, lists, the one text.
void fill_by_kind(Filling& filling);

}  // namespace geminga::orchestrator
