#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/server_config.hpp"

namespace geminga::mcp {

/// How a reaper is started: program and what stands before the server's own command.
struct ReaperCommand {
  std::filesystem::path program;
  std::vector<std::string> arguments;
};

/// Our ends of the pipes, all non-blocking and close-on-exec, and the reaper's pid. The caller owns them all.
struct ChildProcess {
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  int control_fd = -1;
  int status_fd = -1;
  pid_t reaper = -1;
};

/// Starts a server under a reaper of its own. Errors: spawn_failed (no such command or directory, no pipes,
/// no process); what only the reaper finds out comes on status_fd.
Result<ChildProcess> spawn_under_reaper(const StdioEndpoint& endpoint, const ReaperCommand& reaper);

/// "NAME=value" of what a server gets to see: the allow-list from our environment, then the declared
/// variables.
std::vector<std::string> child_environment(const StdioEndpoint& endpoint);

/// The file that `command` means: as it is when it has a slash, else looked up on our PATH. Errors:
/// spawn_failed.
Result<std::string> find_command(const std::string& command);

}  // namespace geminga::mcp
