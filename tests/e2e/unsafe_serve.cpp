// `geminga` whose `serve` breaks a promise on purpose, for the run that must notice: a tool is called before
// anybody has claimed the call.
#include <cstdlib>
#include <string_view>

#include "cli/serve_process.hpp"
#include "cli/serve_settings.hpp"
#include "cli/verb.hpp"
#include "mcp/reaper.hpp"

namespace {

using namespace geminga::cli;

Outcome serve_unsafely(const Arguments& arguments) {
  auto settings = load_settings(arguments, [](const char* name) -> const char* { return std::getenv(name); });
  if (!settings) return failed(settings.error());
  settings->ready_json = arguments.has("ready-json");
  settings->unsafe.claim_after_call = true;
  return serve(*settings);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "mcp-reaper")
    return geminga::mcp::reaper_main(argc - 2, argv + 2);
  auto root = program();
  for (auto& verb : root.verbs)
    if (verb.name == "serve") verb.run = serve_unsafely;
  return run_program(root, argc, argv);
}
