#include <string_view>

#include "cli/verb.hpp"
#include "mcp/reaper.hpp"

/// The hidden verb: the program as the process between `serve` and one MCP server. It must come before
/// anything that starts a thread, and it stands in no table, so neither help nor completion shows it.
int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "mcp-reaper")
    return geminga::mcp::reaper_main(argc - 2, argv + 2);
  return geminga::cli::run_program(geminga::cli::program(), argc, argv);
}
