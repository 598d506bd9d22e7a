#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kLetters = "/api/orchestrator/dlq";
constexpr std::uint64_t kPage = 100;

std::string text_of(const ordered_json& letter, const char* key) {
  const auto found = letter.find(key);
  if (found == letter.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// Oldest first, page by page, until `visit` was called `limit` times.
Outcome each_letter(Remote& remote, const Arguments& arguments, std::uint64_t limit,
                    const std::function<Outcome(const ordered_json&)>& visit) {
  std::string after = arguments.text("after");
  while (limit > 0) {
    std::string path = fmt::format("{}?limit={}", kLetters, std::min(limit, kPage));
    if (!after.empty()) path += "&after=" + url_encoded(after);
    if (arguments.has("request")) path += "&requestId=" + url_encoded(arguments.text("request"));
    GEMINGA_CLI_TRY(const ordered_json page, remote.get(path));
    const auto letters = page.value("deadLetters", ordered_json::array());
    if (letters.empty()) return {};
    for (const auto& letter : letters) {
      if (auto visited = visit(letter); !visited) return visited;
    }
    limit -= std::min<std::uint64_t>(limit, letters.size());
    after = letters.back().value("id", "");
  }
  return {};
}

Outcome list(const Arguments& arguments) {
  Remote remote(arguments);
  Table table({"ID", "REQUEST", "TOOL", "ATTEMPTS", "REASON"});
  const auto visit = [&](const ordered_json& letter) -> Outcome {
    if (wants_json(arguments)) {
      print_json(letter);
    } else {
      table.add({text_of(letter, "id"), text_of(letter, "requestId"),
                 fmt::format("{}/{}", text_of(letter, "server"), text_of(letter, "tool")),
                 std::to_string(letter.value("attempts", ordered_json::array()).size()),
                 text_of(letter, "reason")});
    }
    return {};
  };
  if (auto listed = each_letter(remote, arguments, arguments.number("limit", 1'000), visit); !listed)
    return listed;
  if (wants_json(arguments)) return {};
  if (table.empty())
    note("no dead letter");
  else
    table.print();
  return {};
}

std::string letter_path(const std::string& id, std::string_view what = {}) {
  return fmt::format("{}/{}{}", kLetters, url_encoded(id), what);
}

Outcome show(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json letter, remote.get(letter_path(arguments.text("ID"))));
  if (wants_json(arguments)) {
    print_json(letter);
    return {};
  }
  for (const auto& [name, key] : {std::pair{"id", "id"},
                                  {"request", "requestId"},
                                  {"server", "server"},
                                  {"tool", "tool"},
                                  {"reason", "reason"}}) {
    print_line(fmt::format("{:<10}{}", name, printable(text_of(letter, key))));
  }
  Table attempts({"ATTEMPT", "TIME", "ERROR"});
  std::size_t number = 0;
  for (const auto& attempt : letter.value("attempts", ordered_json::array())) {
    attempts.add({std::to_string(++number), text_of(attempt, "time"), text_of(attempt, "error")});
  }
  print_line("");
  if (!attempts.empty()) attempts.print();
  if (letter.contains("event")) print_line("\nthe original message:\n" + printable(letter["event"].dump(2)));
  return {};
}

Outcome replay_one(Remote& remote, const Arguments& arguments, const std::string& id) {
  GEMINGA_CLI_TRY(const ordered_json replayed, remote.post(letter_path(id, "/replay")));
  if (wants_json(arguments))
    print_json(replayed);
  else
    print_line(fmt::format("{}  request {}  job {}", id, text_of(replayed, "requestId"),
                           text_of(replayed, "jobId")));
  return {};
}

Outcome replay(const Arguments& arguments) {
  Remote remote(arguments);
  if (arguments.has("all") == arguments.has("ID"))
    return usage("name dead letters by their id, or all with --all");
  if (!arguments.has("all")) {
    for (const auto& id : arguments.all("ID")) {
      if (auto done = replay_one(remote, arguments, id); !done) return done;
    }
    return {};
  }
  Progress progress("replaying", 0);
  std::uint64_t refused = 0;
  const auto visit = [&](const ordered_json& letter) -> Outcome {
    // One that was replayed before, or whose job has ended otherwise, is no reason to leave the others.
    if (auto done = replay_one(remote, arguments, letter.value("id", "")); !done) {
      note(fmt::format("{}: {}", letter.value("id", ""), done.error().text));
      ++refused;
    }
    progress.advance();
    return {};
  };
  if (auto all = each_letter(remote, arguments, UINT64_MAX, visit); !all) return all;
  return refused == 0 ? Outcome{} : failed(fmt::format("{} dead letters were not replayed", refused));
}

const Option kRequest{
    .name = "request", .value = Value::text, .metavar = "ID", .help = "only of this request"};
const Option kAfter{.name = "after", .value = Value::text, .metavar = "ID", .help = "begin behind this one"};

}  // namespace

Verb dlq_verb() {
  const Positional id{.name = "ID", .help = "the dead letter's id, as `dlq list` prints it"};
  return {.name = "dlq",
          .summary = "dead letters: what could not be done, why, and doing it again",
          .verbs = {{.name = "list",
                     .summary = "all dead letters, oldest first",
                     .options = {{.name = "limit",
                                  .letter = 'n',
                                  .value = Value::number,
                                  .metavar = "N",
                                  .help = "at most so many (1000)"},
                                 kAfter,
                                 kRequest,
                                 output_option(),
                                 server_option()},
                     .run = list},
                    {.name = "show",
                     .summary = "one with its reasons and the original message",
                     .positionals = {id},
                     .options = {output_option(), server_option()},
                     .run = show},
                    {.name = "replay",
                     .summary = "do it again from the beginning, once what was broken is mended",
                     .about = "The request gets a new generation: its claim and its job are opened again, "
                              "the history stays.",
                     .positionals = {{.name = "ID",
                                      .help = "ids, as `dlq list` prints them",
                                      .required = false,
                                      .repeated = true}},
                     .options = {{.name = "all", .help = "every dead letter that can be replayed"},
                                 kAfter,
                                 kRequest,
                                 output_option(),
                                 server_option()},
                     .examples = {{"geminga dlq replay 3:17:-1", "one"},
                                  {"geminga dlq replay --all --request 5d2f...", "those of one request"}},
                     .run = replay}}};
}

}  // namespace geminga::cli
