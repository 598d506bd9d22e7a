#include "orchestrator/matching/matcher.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "orchestrator/events/schema_check.hpp"
#include "orchestrator/matching/arguments.hpp"
#include "orchestrator/matching/bm25.hpp"
#include "orchestrator/matching/confidence.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr std::size_t kCandidatesMax = 5;

/// A rule whose pattern was found, and what became of it.
struct RuleTrial {
  RuleMatch match;
  std::string outcome;
};

struct Trace {
  std::vector<RuleTrial> rules;
  Ranking ranking;
  double bm25_confidence = 0;
};

json schema_of(const ToolView& tool) {
  auto schema = parse_json(tool.input_schema);
  return schema && schema->is_object() ? *std::move(schema) : json::object();
}

}  // namespace

struct Matcher::Impl {
  RuleSet rules;
  std::vector<ToolView> tools;
  MatcherOptions options;
  Bm25Index index;
  std::vector<json> schemas;                                             // by tool
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_name;  // indices, most used first

  Impl(RuleSet rules_in, std::vector<ToolView> tools_in, MatcherOptions options_in)
      : rules(std::move(rules_in)), tools(std::move(tools_in)), options(options_in), index(tools) {
    for (std::size_t i = 0; i < tools.size(); ++i) {
      schemas.push_back(schema_of(tools[i]));
      by_name[tools[i].tool].push_back(i);
    }
    for (auto& [name, list] : by_name) {
      std::ranges::sort(list, [&](std::size_t a, std::size_t b) {
        return tools[a].uses != tools[b].uses ? tools[a].uses > tools[b].uses
                                              : tools[a].server < tools[b].server;
      });
    }
  }

  /// The tool a rule means; the most used one where it names no server and several have it.
  [[nodiscard]] std::optional<std::size_t> find(const RuleMatch& match) const {
    const auto list = by_name.find(match.tool);
    if (list == by_name.end()) return std::nullopt;
    for (const std::size_t i : list->second)
      if (match.server.empty() || tools[i].server == match.server) return i;
    return std::nullopt;
  }

  [[nodiscard]] Decision decide(std::string_view query, Trace& trace) const;
  [[nodiscard]] bool by_rules(std::string_view query, Trace& trace, Decision& decision) const;
  void by_bm25(Trace& trace, Decision& decision) const;
  [[nodiscard]] std::string without_candidate(const Trace& trace) const;
};

/// True when a rule settles it; a rule whose tool lacks an argument is kept in `decision`, and later rules
/// may do better.
bool Matcher::Impl::by_rules(std::string_view query, Trace& trace, Decision& decision) const {
  for (std::size_t from = 1;;) {
    const auto match = rules.match(query, from);
    if (!match) return false;
    from = match->number + 1;
    RuleTrial& trial = trace.rules.emplace_back(RuleTrial{.match = *match, .outcome = {}});
    const auto tool = find(*match);
    if (!tool) {
      trial.outcome =
          match->server.empty() ? "no server has this tool" : "this server has no such tool, or is unknown";
      continue;
    }
    if (match->confidence < options.threshold) {
      trial.outcome = fmt::format("its confidence is below {:.2f}", options.threshold);
      continue;
    }
    json params = json::parse(match->params);
    fit_types(schemas[*tool], params);
    const std::vector<std::string> missing = missing_arguments(schemas[*tool], params);
    trial.outcome = missing.empty() ? "taken" : fmt::format("nothing fills {}", fmt::join(missing, ", "));
    if (!missing.empty() && decision.rule != 0) continue;
    decision.matched = missing.empty();
    decision.server = tools[*tool].server;
    decision.tool = match->tool;
    decision.params = params.dump();
    decision.confidence = match->confidence;
    decision.method = MatchMethod::rule;
    decision.rule = static_cast<std::uint32_t>(match->number);
    decision.missing_arguments = missing;
    decision.explanation =
        missing.empty() ? fmt::format("rule {} names {} on {}", match->number, match->tool, decision.server)
                        : fmt::format("rule {} names {} on {}, but nothing fills {}", match->number,
                                      match->tool, decision.server, fmt::join(missing, ", "));
    if (missing.empty()) return true;
  }
}

std::string Matcher::Impl::without_candidate(const Trace& trace) const {
  if (tools.empty()) return "no tool is known: no MCP server has listed one yet";
  if (trace.ranking.terms.empty()) return "the sentence has no word that could tell tools apart";
  return "no tool knows a word of the sentence";
}

void Matcher::Impl::by_bm25(Trace& trace, Decision& decision) const {
  decision.confidence = trace.bm25_confidence;
  if (decision.candidates.empty()) {
    decision.explanation = without_candidate(trace);
    return;
  }
  const Candidate& best = decision.candidates.front();
  const std::string numbers =
      fmt::format("{} on {} covers {:.0f} % of the sentence, {:.0f} % ahead of the next", best.tool,
                  best.server, 100 * trace.ranking.coverage, 100 * trace.ranking.margin);
  if (decision.confidence < options.threshold) {
    decision.explanation =
        fmt::format("{}: confidence {:.2f} is below {:.2f}", numbers, decision.confidence, options.threshold);
    return;
  }
  decision.method = MatchMethod::bm25;
  decision.server = best.server;
  decision.tool = best.tool;
  decision.missing_arguments = best.missing_arguments;
  decision.matched = best.missing_arguments.empty();
  decision.explanation = decision.matched ? numbers
                                          : fmt::format("{}, but nothing fills {}", numbers,
                                                        fmt::join(best.missing_arguments, ", "));
}

Decision Matcher::Impl::decide(std::string_view query, Trace& trace) const {
  Decision decision;
  trace.ranking = index.rank(query, kCandidatesMax);
  for (const Ranking::Hit& hit : trace.ranking.hits) {
    decision.candidates.push_back(
        {.server = tools[hit.tool].server,
         .tool = tools[hit.tool].tool,
         .score = hit.score,
         .missing_arguments = missing_arguments(schemas[hit.tool], json::object())});
  }
  if (!trace.ranking.hits.empty())
    trace.bm25_confidence = bm25_confidence(
        {.coverage = trace.ranking.coverage, .mass = trace.ranking.mass, .margin = trace.ranking.margin});
  if (by_rules(query, trace, decision) || decision.rule != 0) return decision;
  by_bm25(trace, decision);
  return decision;
}

Matcher::Matcher(RuleSet rules, std::vector<ToolView> tools, MatcherOptions options)
    : impl_(std::make_unique<const Impl>(std::move(rules), std::move(tools), options)) {}
Matcher::~Matcher() = default;

Decision Matcher::match(std::string_view query) const {
  Trace trace;
  return impl_->decide(query, trace);
}

std::string Matcher::explain(std::string_view query) const {
  Trace trace;
  const Decision decision = impl_->decide(query, trace);
  json rules = json::array();
  for (const RuleTrial& trial : trace.rules) {
    rules.push_back({{"rule", trial.match.number},
                     {"tool", trial.match.tool},
                     {"server", trial.match.server.empty() ? json(nullptr) : json(trial.match.server)},
                     {"confidence", trial.match.confidence},
                     {"outcome", trial.outcome}});
  }
  json terms = json::array();
  for (const Ranking::Term& term : trace.ranking.terms) {
    terms.push_back({{"word", term.query.word},
                     {"term", term.query.term},
                     {"idf", term.idf},
                     {"tools", term.tools},
                     {"counted", term.counted},
                     {"covered", term.covered}});
  }
  json out = {{"query", query},
              {"decision", json::parse(to_json(decision))},
              {"threshold", impl_->options.threshold},
              {"rulesFound", std::move(rules)},
              {"bm25",
               {{"terms", std::move(terms)},
                {"coverage", trace.ranking.coverage},
                {"coveredIdf", trace.ranking.mass},
                {"margin", trace.ranking.margin},
                {"confidence", trace.bm25_confidence}}}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::size_t Matcher::rule_count() const {
  return impl_->rules.size();
}

std::size_t Matcher::tool_count() const {
  return impl_->tools.size();
}

}  // namespace geminga::orchestrator
