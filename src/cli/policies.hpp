#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.hpp"

namespace geminga::cli {

/// Shows the policies of a "topic" or "namespace", after changing what --set and --unset say.
Outcome run_policies(const Arguments& arguments, std::string_view kind, const std::string& name);
std::vector<Option> policy_options();

}  // namespace geminga::cli
