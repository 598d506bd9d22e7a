#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cli/answer.hpp"
#include "cli/hops.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

std::expected<ordered_json, Failure> request_of(const Arguments& arguments) {
  GEMINGA_CLI_TRY(const std::string sentence, sentence_of(arguments));
  ordered_json request{{"query", sentence}};
  if (arguments.has("session")) request["sessionId"] = arguments.text("session");
  if (arguments.has("context")) {
    request["contextSnapshot"] = ordered_json::parse(arguments.text("context"), nullptr, false);
    if (!request["contextSnapshot"].is_object()) return usage("--context is not a JSON object");
  }
  return request;
}

Outcome show_hops(Remote& remote, const Arguments& arguments, const ordered_json& answer,
                  Timestamp asked_at) {
  if (!arguments.has("hops")) return {};
  GEMINGA_CLI_TRY(const std::vector<Hop> hops, hops_of(remote, answer.value("requestId", ""), asked_at));
  print_hops(hops, wants_json(arguments));
  return {};
}

Outcome run(const Arguments& arguments) {
  GEMINGA_CLI_TRY(const ordered_json request, request_of(arguments));
  Remote remote(arguments);
  const Timestamp asked_at = base::Clock::system().wall_now();
  const auto began = base::Clock::system().monotonic_now();
  Remote::Call call{.method = "POST", .path = "/api/orchestrator/query", .body = body_text(request)};
  call.idempotency_key = arguments.text("idempotency-key");
  call.timeout = arguments.duration("timeout", std::chrono::minutes{5});
  GEMINGA_CLI_TRY(const Reply reply, remote.send(std::move(call)));
  const std::chrono::duration<double, std::milli> took = base::Clock::system().monotonic_now() - began;
  const auto answer = ordered_json::parse(reply.body, nullptr, false);
  if (!answer.is_object()) return failed(error_text(reply));
  if (wants_json(arguments)) {
    print_json(answer);
  } else if (reply.good()) {
    print_answer(answer);
    note(answer_summary(answer, took.count()));
  }
  const Outcome shown = show_hops(remote, arguments, answer, asked_at);
  if (!reply.good())
    return std::unexpected(
        Failure{failure_of(reply).exit_code, wants_json(arguments) ? "" : error_text(reply)});
  return shown;
}

}  // namespace

Verb query_verb() {
  return {
      .name = "query",
      .summary = "ask in a sentence and wait for the answer",
      .about =
          "The sentence goes over the bus to the matcher, the tool that fits is called, and its answer is "
          "printed. "
          "Where no tool fits, the answer is a plan with the best candidates.",
      .positionals = {{.name = "SENTENCE", .help = "what you want; quotes are not needed", .repeated = true}},
      .options = {{.name = "hops", .help = "also print what each hop did and how long it took"},
                  {.name = "session",
                   .value = Value::text,
                   .metavar = "ID",
                   .help = "a session id that the job keeps"},
                  {.name = "context",
                   .value = Value::text,
                   .metavar = "JSON",
                   .help = "a context object for the tool"},
                  {.name = "idempotency-key",
                   .value = Value::text,
                   .metavar = "KEY",
                   .help = "asked again with the same key, the same job answers"},
                  {.name = "timeout",
                   .value = Value::duration,
                   .metavar = "TIME",
                   .help =
                       "how long to wait; the server's own limit is 20 s unless it is set otherwise (5m)"},
                  output_option(),
                  server_option(),
                  token_option()},
      .examples = {{"geminga query What time is it in Tokyo?",
                    "the answer on stdout, how it came about on stderr"},
                   {"geminga query --hops \"Echo hello\"", "with the time of each hop"},
                   {"geminga query -o json \"Echo hello\" | jq .result", "for programs"}},
      .run = run};
}

}  // namespace geminga::cli
