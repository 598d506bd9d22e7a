#include "mcp/call.hpp"

#include <array>

#include "mcp/registry.hpp"

namespace geminga::mcp {

std::string_view to_string(FailureClass kind) {
  constexpr std::array<std::string_view, 5> kNames{"not_executed", "limited", "final", "outcome_unknown",
                                                   "unknown"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(ServerState state) {
  constexpr std::array<std::string_view, 3> kNames{"starting", "ready", "failed"};
  return kNames.at(static_cast<std::size_t>(state));
}

}  // namespace geminga::mcp
