#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

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

/// Options that choose, and what they are called in the route.
constexpr std::pair<const char*, std::string_view> kFilters[] = {
    {"request", "requestId"}, {"mcp-server", "server"}, {"tool", "tool"}, {"reason", "reason"}};

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
    for (const auto& [option, parameter] : kFilters)
      if (arguments.has(option))
        path += fmt::format("&{}={}", parameter, url_encoded(arguments.text(option)));
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

/// What is done with one dead letter.
using Deed = Outcome (*)(Remote& remote, const Arguments& arguments, const std::string& id);

Outcome replay_one(Remote& remote, const Arguments& arguments, const std::string& id) {
  GEMINGA_CLI_TRY(const ordered_json replayed, remote.post(letter_path(id, "/replay")));
  if (wants_json(arguments))
    print_json(replayed);
  else
    print_line(fmt::format("{}  request {}  job {}", id, text_of(replayed, "requestId"),
                           text_of(replayed, "jobId")));
  return {};
}

Outcome discard_one(Remote& remote, const Arguments& arguments, const std::string& id) {
  GEMINGA_CLI_TRY(const ordered_json discarded, remote.post(letter_path(id, "/discard")));
  if (wants_json(arguments))
    print_json(discarded);
  else
    print_line(id + "  discarded");
  return {};
}

/// Lets through so many a second.
class Pace {
 public:
  explicit Pace(std::uint64_t per_second) : per_second_(per_second) {}
  void wait() {
    if (per_second_ == 0) return;
    std::this_thread::sleep_until(next_);
    next_ = std::max(next_, std::chrono::steady_clock::now()) +
            std::chrono::nanoseconds{1'000'000'000 / per_second_};
  }

 private:
  const std::uint64_t per_second_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

Outcome those_named(Remote& remote, const Arguments& arguments, Deed deed) {
  for (const auto& id : arguments.all("ID")) {
    if (auto done = deed(remote, arguments, id); !done) return done;
  }
  return {};
}

Outcome those_chosen(Remote& remote, const Arguments& arguments, std::string_view what, Deed deed) {
  Progress progress(std::string(what), 0);
  Pace pace(arguments.number("rate", 0));
  std::uint64_t seen = 0;
  std::uint64_t refused = 0;
  std::set<std::string> replayed;  // requests
  const auto visit = [&](const ordered_json& letter) -> Outcome {
    const std::string id = letter.value("id", "");
    ++seen;
    if (arguments.has("dry-run")) {
      if (wants_json(arguments))
        print_json(letter);
      else
        print_line(fmt::format("{}  {}/{}  {}", id, text_of(letter, "server"), text_of(letter, "tool"),
                               printable(text_of(letter, "reason"))));
      return {};
    }
    // What failed again meanwhile stands at the end of the list: without this there might be no end.
    const std::string request = text_of(letter, "requestId");
    if (deed == replay_one && !request.empty() && !replayed.insert(request).second) return {};
    pace.wait();
    // One that was replayed before, or whose job has ended otherwise, is no reason to leave the others.
    if (auto done = deed(remote, arguments, id); !done) {
      note(fmt::format("{}: {}", id, done.error().text));
      ++refused;
    }
    progress.advance();
    return {};
  };
  if (auto all = each_letter(remote, arguments, UINT64_MAX, visit); !all) return all;
  if (arguments.has("dry-run")) note(fmt::format("{} dead letters; nothing was done", seen));
  return refused == 0 ? Outcome{} : failed(fmt::format("{} of {} dead letters were refused", refused, seen));
}

Outcome each(const Arguments& arguments, std::string_view what, Deed deed) {
  Remote remote(arguments);
  const bool filtered =
      std::ranges::any_of(kFilters, [&](const auto& filter) { return arguments.has(filter.first); });
  const bool chosen = arguments.has("all") || filtered || arguments.has("after");
  if (chosen == arguments.has("ID"))
    return usage(
        "name dead letters by their id, or choose them by --request, --mcp-server, --tool, --reason or "
        "--all");
  if (!chosen && arguments.has("dry-run"))
    return usage("--dry-run shows what a choice would take; ids say it themselves");
  return chosen ? those_chosen(remote, arguments, what, deed) : those_named(remote, arguments, deed);
}

Outcome replay(const Arguments& arguments) {
  return each(arguments, "replaying", replay_one);
}

Outcome discard(const Arguments& arguments) {
  return each(arguments, "discarding", discard_one);
}

const std::vector<Option> kChoice{
    {.name = "request", .value = Value::text, .metavar = "ID", .help = "only of this request"},
    {.name = "mcp-server", .value = Value::text, .metavar = "NAME", .help = "only of this MCP server"},
    {.name = "tool", .value = Value::text, .metavar = "NAME", .help = "only of this tool"},
    {.name = "reason",
     .value = Value::text,
     .metavar = "TEXT",
     .help = "only with this text in their reason"},
    {.name = "after", .value = Value::text, .metavar = "ID", .help = "begin behind this one"}};

std::vector<Option> options_of(std::vector<Option> own) {
  own.insert(own.end(), kChoice.begin(), kChoice.end());
  own.push_back(output_option());
  own.push_back(server_option());
  own.push_back(token_option());
  return own;
}

/// Of the verbs that change something.
std::vector<Option> deed_options(std::string all) {
  return options_of({{.name = "all", .help = std::move(all)},
                     {.name = "dry-run", .help = "only print what would be taken"},
                     {.name = "rate",
                      .value = Value::number,
                      .metavar = "N",
                      .help = "at most so many a second (as fast as it goes)"}});
}

}  // namespace

Verb dlq_verb() {
  const Positional id{.name = "ID", .help = "the dead letter's id, as `dlq list` prints it"};
  const Positional ids{
      .name = "ID", .help = "ids, as `dlq list` prints them", .required = false, .repeated = true};
  return {.name = "dlq",
          .summary = "dead letters: what could not be done, why, and doing it again",
          .verbs = {
              {.name = "list",
               .summary = "all dead letters that nobody has discarded, oldest first",
               .options = options_of({{.name = "limit",
                                       .letter = 'n',
                                       .value = Value::number,
                                       .metavar = "N",
                                       .help = "at most so many (1000)"}}),
               .run = list},
              {.name = "show",
               .summary = "one with its reasons and the original message",
               .positionals = {id},
               .options = {output_option(), server_option(), token_option()},
               .run = show},
              {.name = "replay",
               .summary = "do it again from the beginning, once what was broken is mended",
               .about = "The request gets a new generation: its claim and its job are opened again, "
                        "the history stays.",
               .positionals = {ids},
               .options = deed_options("every dead letter that can be replayed"),
               .examples = {{"geminga dlq replay 3:17:-1", "one"},
                            {"geminga dlq replay --mcp-server weather --dry-run", "what it would take"},
                            {"geminga dlq replay --mcp-server weather --rate 5", "gently"}},
               .run = replay},
              {.name = "discard",
               .summary = "nobody wants it: it is listed no more and cannot be replayed",
               .about = "The message stays in its topic; its job stays FAILED and is pruned like any other.",
               .positionals = {ids},
               .options = deed_options("every dead letter"),
               .examples = {{"geminga dlq discard 3:17:-1", "one"},
                            {"geminga dlq discard --reason 'bytes is the limit'", "those with this reason"}},
               .run = discard}}};
}

}  // namespace geminga::cli
