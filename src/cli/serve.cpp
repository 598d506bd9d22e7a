#include <csignal>

#include <fmt/format.h>

#include "cli/file_keys.hpp"
#include "cli/serve_process.hpp"
#include "cli/serve_settings.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

Outcome run(const Arguments& arguments) {
  auto settings = load_settings(arguments, [](const char* name) -> const char* { return std::getenv(name); });
  if (!settings && settings.error().code == ErrorCode::invalid_argument)
    return usage(settings.error().message);
  if (!settings) return failed(settings.error());
  settings->ready_json = arguments.has("ready-json");
  return serve(*settings);
}

template <class Target>
Listing listing_of(std::string title, std::span<const FileKey<Target>> keys) {
  Listing listing{.title = std::move(title), .rows = {}};
  for (const auto& key : keys)
    listing.rows.emplace_back(key.name, fmt::format("{} ({})", key.help, key.show(Target{})));
  return listing;
}

}  // namespace

Verb serve_verb() {
  std::vector<Option> options = setting_options();
  options.push_back(
      {.name = "ready-json", .help = "print one line of JSON with the addresses on stdout when ready"});
  return {.name = "serve",
          .summary = "run the event bus and the orchestrator",
          .about =
              "One process: the durable bus, the orchestrator with its MCP servers, and the HTTP API. It "
              "logs to stderr and runs "
              "until SIGTERM or SIGINT; then it takes no more work, ends what runs and exits 0 within 10 s. "
              "A second signal ends "
              "it at once: nothing that was acknowledged is lost either way. A flag beats the environment, "
              "the environment "
              "beats the file.",
          .options = std::move(options),
          .listings = {listing_of("[orchestrator] in geminga.toml", kOrchestratorKeys),
                       listing_of("[auth] in geminga.toml", kAuthKeys),
                       listing_of("[auth.roles.NAME] in geminga.toml", kRoleKeys),
                       listing_of("[planner] in geminga.toml", kPlannerKeys),
                       listing_of("[embedded] in geminga.toml", kEmbeddedKeys),
                       listing_of("[servers.NAME] in geminga.toml", kServerKeys)},
          .examples = {{"geminga serve", "data in ./geminga-data, HTTP on 127.0.0.1:8080, no MCP server yet"},
                       {"geminga serve --mcp mcp.json --rules rules.toml", "with tools"},
                       {"geminga serve --http 127.0.0.1:0 --ready-json",
                        "a free port; its number stands in the line on stdout"}},
          .run = run};
}

}  // namespace geminga::cli
