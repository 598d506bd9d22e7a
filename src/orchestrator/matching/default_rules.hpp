#pragma once

#include <string_view>

namespace geminga::orchestrator {

/// The built-in rules.toml.
extern const std::string_view kDefaultRules;

}  // namespace geminga::orchestrator
