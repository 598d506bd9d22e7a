#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/serve_settings.hpp"

namespace geminga::cli {

enum class Verdict : std::uint8_t { good, warning, bad };

struct Finding {
  std::string check;
  Verdict verdict = Verdict::good;
  std::string found;
  std::string remedy = {};
};

/// Looks, changes nothing, may take a second.
using Check = std::function<std::vector<Finding>(const ServeSettings&, const Arguments&)>;
std::vector<Check> all_checks();

}  // namespace geminga::cli
