#include "cli/version.hpp"

#include <fmt/format.h>

namespace geminga::cli {

std::string version_text() {
#ifdef __SANITIZE_ADDRESS__
  constexpr std::string_view kMode = ", with AddressSanitizer";
#elif defined(__SANITIZE_THREAD__)
  constexpr std::string_view kMode = ", with ThreadSanitizer";
#else
  constexpr std::string_view kMode;
#endif
  return fmt::format(
      "geminga {}\n"
      "built with: {} {}{}\n"
      "engines: embedded\n"
      "doors: HTTP (orchestrator, bus)\n"
      "MCP transports: stdio, Streamable HTTP, invoke\n"
      "jobs stores: SQLite, PostgreSQL\n",
      GEMINGA_VERSION,
#ifdef __clang__
      "clang",
#else
      "g++",
#endif
      __VERSION__, kMode);
}

}  // namespace geminga::cli
