#pragma once

#include <span>
#include <vector>

namespace geminga::orchestrator {

struct ToolView;

/// How often each tool was used against the most used one, by the logarithm: 0 to 1.
std::vector<double> usage_of(std::span<const ToolView> tools);

}  // namespace geminga::orchestrator
