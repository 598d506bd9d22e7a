#include "cli/verb.hpp"

namespace geminga::cli {

const Verb& program() {
  static const Verb kRoot{
      .name = "geminga",
      .summary = "an event bus and an orchestrator of MCP tools in one program",
      .about =
          "`geminga serve` runs both. The other verbs talk to a running one over HTTP: --server URL, or "
          "GEMINGA_URL in "
          "the environment, or http://127.0.0.1:8080; fsck, backup and restore work on its files. Exit "
          "codes: 0 good, 1 failed, 2 wrong usage, 74 disk "
          "error.",
      .examples = {{"geminga serve --mcp mcp.json", "start everything, data in ./geminga-data"},
                   {"geminga query \"What time is it in Tokyo?\"", "ask; the right tool answers"},
                   {"geminga jobs list", "what was asked and how it ended"},
                   {"geminga doctor", "is this machine fit, and what to do if not"}},
      .verbs = {serve_verb(), query_verb(), jobs_verb(), dlq_verb(), topics_verb(), namespaces_verb(),
                subscriptions_verb(), tokens_verb(), match_verb(), produce_verb(), consume_verb(),
                perf_verb(), doctor_verb(), fsck_verb(), backup_verb(), restore_verb(), completion_verb()},
  };
  return kRoot;
}

}  // namespace geminga::cli
