#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/bus.hpp>

namespace geminga::bus {

/// getenv, or a map in tests: nullopt where the variable is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// Bus::choose_from_environment over any environment. Errors: config_error that names the variable: empty,
/// missing beside another one, neither true nor false, an unknown type.
Result<BusChoice> choose_bus(const Environment& environment, std::string_view fallback_url);

}  // namespace geminga::bus
