#include "orchestrator/matching/usage.hpp"

#include <algorithm>
#include <cmath>

#include "orchestrator/matching/matcher.hpp"

namespace geminga::orchestrator {

std::vector<double> usage_of(std::span<const ToolView> tools) {
  std::uint64_t most = 0;
  for (const ToolView& tool : tools) most = std::max(most, tool.uses);
  std::vector<double> usage(tools.size(), 0.0);
  for (std::size_t i = 0; most > 0 && i < tools.size(); ++i)
    usage[i] = std::log1p(static_cast<double>(tools[i].uses)) / std::log1p(static_cast<double>(most));
  return usage;
}

}  // namespace geminga::orchestrator
