#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

std::string joined(const ordered_json& list) {
  std::string out;
  for (const auto& item : list)
    out += (out.empty() ? "" : ", ") + (item.is_string() ? item.get<std::string>() : item.dump());
  return out;
}

void print_decision(const ordered_json& explained) {
  const auto decision = explained.value("decision", ordered_json::object());
  const bool matched = decision.value("matched", false);
  const std::string tool = fmt::format("{}/{}", decision.value("server", ""), decision.value("tool", ""));
  print_line(fmt::format("{:<12}{}", "query", printable(explained.value("query", ""))));
  print_line(fmt::format("{:<12}{}", "decision",
                         matched ? styled("call " + tool, Style::good) : styled("plan", Style::warning)));
  print_line(fmt::format("{:<12}{:.2f} (threshold {:.2f}, by {})", "confidence",
                         decision.value("confidence", 0.0), explained.value("threshold", 0.0),
                         decision.value("method", "")));
  if (matched)
    print_line(fmt::format("{:<12}{}", "params",
                           printable(decision.value("params", ordered_json::object()).dump())));
  const auto missing = decision.value("missingArguments", ordered_json::array());
  if (!missing.empty()) print_line(fmt::format("{:<12}{}", "missing", joined(missing)));
  print_line(fmt::format("{:<12}{}", "why", printable(decision.value("explanation", ""))));
  Table candidates({"CANDIDATE", "SCORE"});
  for (const auto& c : decision.value("candidates", ordered_json::array())) {
    candidates.add({fmt::format("{}/{}", c.value("server", ""), c.value("tool", "")),
                    fmt::format("{:.2f}", c.value("score", 0.0))});
  }
  if (candidates.empty()) return;
  print_line("");
  candidates.print();
}

void print_trials(const ordered_json& explained) {
  Table rules({"RULE", "TOOL", "CONFIDENCE", "OUTCOME"});
  for (const auto& r : explained.value("rulesFound", ordered_json::array())) {
    rules.add({std::to_string(r.value("rule", 0)), r.value("tool", ""),
               fmt::format("{:.2f}", r.value("confidence", 0.0)), r.value("outcome", "")});
  }
  if (!rules.empty()) {
    print_line("");
    rules.print();
  }
  Table terms({"WORD", "TERM", "IDF", "TOOLS", "COVERED"});
  const auto bm25 = explained.value("bm25", ordered_json::object());
  for (const auto& t : bm25.value("terms", ordered_json::array())) {
    terms.add({t.value("word", ""), t.value("term", ""), fmt::format("{:.2f}", t.value("idf", 0.0)),
               t.value("tools", ordered_json()).dump(), t.value("covered", false) ? "yes" : "no"});
  }
  if (terms.empty()) return;
  print_line("");
  terms.print();
  print_line(fmt::format("coverage {:.2f}, margin to the second {:.2f}", bm25.value("coverage", 0.0),
                         bm25.value("margin", 0.0)));
}

Outcome run(const Arguments& arguments) {
  GEMINGA_CLI_TRY(const std::string sentence, sentence_of(arguments));
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json explained,
                  remote.get("/api/orchestrator/match?query=" + url_encoded(sentence)));
  if (wants_json(arguments)) {
    print_json(explained);
    return {};
  }
  print_decision(explained);
  print_trials(explained);
  return {};
}

}  // namespace

Verb match_verb() {
  return {.name = "match",
          .summary = "explain which tool a sentence would go to, without calling it",
          .about =
              "Shows the decision, its confidence, the arguments, every rule that was found and why it was "
              "passed over, and the words with "
              "their weights.",
          .positionals = {{.name = "SENTENCE", .help = "what somebody might ask", .repeated = true}},
          .options = {output_option(), server_option(), token_option()},
          .examples = {{"geminga match \"What time is it in Tokyo?\"", "before you write a rule, and after"}},
          .run = run};
}

}  // namespace geminga::cli
