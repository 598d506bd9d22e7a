// The reaper alone, for tests that have no geminga program.
#include "mcp/reaper.hpp"

int main(int argc, char** argv) {
  return argc > 2 ? geminga::mcp::reaper_main(argc - 2, argv + 2) : 2;  // as behind a verb
}
