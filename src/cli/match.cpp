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
  for (const auto& refused : decision.value("refusedArguments", ordered_json::array()))
    print_line(fmt::format("{:<12}{}: {}", "refused", printable(refused.value("name", "")),
                           printable(refused.value("why", ""))));
  print_line(fmt::format("{:<12}{}", "why", printable(decision.value("explanation", ""))));
  Table candidates({"CANDIDATE", "SCORE", "NEEDS"});
  for (const auto& c : decision.value("candidates", ordered_json::array())) {
    candidates.add({fmt::format("{}/{}", c.value("server", ""), c.value("tool", "")),
                    fmt::format("{:.2f}", c.value("score", 0.0)),
                    joined(c.value("missingArguments", ordered_json::array()))});
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

void print_cosines(const ordered_json& explained) {
  Table cosines({"TOOL", "COSINE", "SCORE"});
  const auto embedding = explained.value("embedding", ordered_json::object());
  for (const auto& c : embedding.value("candidates", ordered_json::array()))
    cosines.add({c.value("tool", ""), fmt::format("{:.2f}", c.value("cosine", 0.0)),
                 fmt::format("{:.2f}", c.value("score", 0.0))});
  if (cosines.empty()) return;
  print_line("");
  cosines.print();
}

Outcome run(const Arguments& arguments, bool with_numbers) {
  GEMINGA_CLI_TRY(const std::string sentence, sentence_of(arguments));
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json explained,
                  remote.get("/api/orchestrator/match?query=" + url_encoded(sentence)));
  if (wants_json(arguments)) {
    print_json(explained);
    return {};
  }
  print_decision(explained);
  if (!with_numbers) return {};
  print_trials(explained);
  print_cosines(explained);
  return {};
}

Outcome decide(const Arguments& arguments) {
  return run(arguments, false);
}

Outcome explain(const Arguments& arguments) {
  return run(arguments, true);
}

}  // namespace

Verb match_verb() {
  const Positional sentence{.name = "SENTENCE", .help = "what somebody might ask", .repeated = true};
  Positional optional = sentence;
  optional.required = false;
  return {.name = "match",
          .summary = "which tool a sentence would go to, without calling it",
          .about =
              "Shows the decision, its confidence, the arguments, what is missing or refused, and the "
              "candidates. "
              "`match explain` shows how it came about.",
          .positionals = {optional},
          .options = {output_option(), server_option(), token_option()},
          .examples = {{"geminga match \"What time is it in Tokyo?\"", "before you write a rule, and after"}},
          .verbs = {{.name = "explain",
                     .summary = "the same with every rule that was found and the weight of every word",
                     .about = "Says why each rule was taken or passed over, which words the best tool has, "
                              "how far it is ahead of "
                              "the next, and the confidence that follows.",
                     .positionals = {sentence},
                     .options = {output_option(), server_option(), token_option()},
                     .examples = {{"geminga match explain \"What time is it in Tokyo?\"", "why it is so"}},
                     .run = explain}},
          .run = decide};
}

}  // namespace geminga::cli
