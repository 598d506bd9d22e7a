#pragma once

#include <string_view>

/// Between serve and the reaper: two pipes at fixed descriptors, lines on the second. After the verb come the
/// path of the program and its argv; the environment and the working directory are the server's already.
namespace geminga::mcp {

inline constexpr int kReaperControlFd = 3;  ///< the reaper reads; a byte or the end means: end the tree
inline constexpr int kReaperStatusFd = 4;   ///< the reaper writes; it ends when no process is left

inline constexpr std::string_view kReaperSpawned = "spawned ";     ///< and the server's pid
inline constexpr std::string_view kReaperSpawnFailed = "failed ";  ///< and errno
inline constexpr std::string_view kReaperEnded = "ended ";         ///< and its wait status

}  // namespace geminga::mcp
