#pragma once

#include <cstddef>

namespace geminga::orchestrator {

/// The highest OrchestratorSettings::query_bytes_max.
inline constexpr std::size_t kQueryBytesLimit = 1 << 20;

}  // namespace geminga::orchestrator
