#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "cli/policies.hpp"
#include "cli/remote.hpp"

namespace geminga::cli {
namespace {

Outcome list(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const nlohmann::ordered_json answer, remote.get("/api/bus/namespaces"));
  if (wants_json(arguments)) {
    print_json(answer);
    return {};
  }
  for (const auto& name : answer.value("namespaces", std::vector<std::string>())) print_line(name);
  return {};
}

Outcome policies(const Arguments& arguments) {
  return run_policies(arguments, "namespace", arguments.text("NAMESPACE"));
}

}  // namespace

Verb namespaces_verb() {
  return {.name = "namespaces",
          .summary = "the namespaces of the bus and the policies of their topics",
          .verbs = {{.name = "list",
                     .summary = "all namespaces",
                     .options = {output_option(), server_option(), token_option()},
                     .run = list},
                    {.name = "policies",
                     .summary = "limits that all topics of a namespace have, unless they say otherwise",
                     .positionals = {{.name = "NAMESPACE", .help = "tenant/namespace"}},
                     .options = policy_options(),
                     .examples = {{"geminga namespaces policies public/default --set message_ttl_seconds=7d",
                                   "what is older counts as acknowledged"}},
                     .run = policies}}};
}

}  // namespace geminga::cli
