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
#include "orchestrator/matching/extraction.hpp"
#include "orchestrator/matching/semantic_index.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr std::size_t kCandidatesMax = 5;

/// A rule whose pattern was found, and what became of it.
struct RuleTrial {
  RuleMatch match;
  std::string outcome;
};

/// The arguments of a call as far as rule and sentence give them.
struct Call {
  json params;
  std::vector<std::string> missing;
  std::vector<RefusedArgument> refused;

  [[nodiscard]] bool complete() const { return missing.empty() && refused.empty(); }
  /// "nothing fills a, b; count is refused: found ..., expected ..."
  [[nodiscard]] std::string complaint() const {
    std::string text;
    if (!missing.empty()) text = fmt::format("nothing fills {}", fmt::join(missing, ", "));
    for (const RefusedArgument& argument : refused)
      text += fmt::format("{}{} is refused: {}", text.empty() ? "" : "; ", argument.name, argument.why);
    return text;
  }
};

struct Trace {
  std::vector<RuleTrial> rules;
  Ranking ranking;
  Evidence evidence;                         // for BM25's first tool
  std::vector<SemanticIndex::Hit> semantic;  // best first; empty without an embedder
  std::string embedder_error;
  std::vector<std::size_t> order;  // the tools of the decision's candidates
  std::optional<Call> call;        // of the first of them
};

double confidence_of(const std::vector<SemanticIndex::Hit>& hits) {
  const bool tie = hits.size() > 1 && hits[0].score <= hits[1].score;
  return std::min(tie ? kTieConfidenceMax : 1.0, hits.front().score);
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

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
  std::optional<SemanticIndex> semantic;
  std::vector<json> schemas;                                             // by tool
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_name;  // indices, most used first

  Impl(RuleSet rules_in, std::vector<ToolView> tools_in, MatcherOptions options_in)
      : rules(std::move(rules_in)), tools(std::move(tools_in)), options(std::move(options_in)), index(tools) {
    if (options.embedder) semantic.emplace(options.embedder, tools);
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

  [[nodiscard]] Call call_of(std::size_t tool, json params, const Sentence& sentence) const;
  [[nodiscard]] Decision decide(std::string_view query, Trace& trace) const;
  void rank(const Sentence& sentence, Trace& trace, Decision& decision) const;
  [[nodiscard]] bool by_rules(const Sentence& sentence, Trace& trace, Decision& decision) const;
  void by_rank(Trace& trace, Decision& decision) const;
  [[nodiscard]] std::string without_candidate(const Trace& trace) const;
  [[nodiscard]] std::string reason(const Trace& trace, const Candidate& best) const;
};

/// What a rule has filled stands; the sentence fills the rest.
Call Matcher::Impl::call_of(std::size_t tool, json params, const Sentence& sentence) const {
  Call call{.params = std::move(params)};
  const json& schema = schemas[tool];
  fit_types(schema, call.params);
  fill_from_sentence(schema, tools[tool].tool, sentence, call.params);
  call.missing = missing_arguments(schema, call.params);
  call.refused = refused_arguments(schema, call.params);
  return call;
}

/// True when a rule settles it; a rule whose tool lacks an argument is kept in `decision`, and later rules
/// may do better.
bool Matcher::Impl::by_rules(const Sentence& sentence, Trace& trace, Decision& decision) const {
  for (std::size_t from = 1;;) {
    const auto match = rules.match(sentence.text, from);
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
    Call call = call_of(*tool, json::parse(match->params), sentence);
    trial.outcome = call.complete() ? "taken" : call.complaint();
    if (!call.complete() && decision.rule != 0) continue;
    decision.matched = call.complete();
    decision.server = tools[*tool].server;
    decision.tool = match->tool;
    decision.params = text_of(call.params);
    decision.confidence = match->confidence;
    decision.method = MatchMethod::rule;
    decision.rule = static_cast<std::uint32_t>(match->number);
    decision.explanation = fmt::format("rule {} names {} on {}", match->number, match->tool, decision.server);
    if (!call.complete()) decision.explanation += ", but " + call.complaint();
    decision.missing_arguments = std::move(call.missing);
    decision.refused_arguments = std::move(call.refused);
    if (decision.matched) return true;
  }
}

std::string Matcher::Impl::without_candidate(const Trace& trace) const {
  if (tools.empty()) return "no tool is known: no MCP server has listed one yet";
  if (trace.ranking.terms.empty()) return "the sentence has no word that could tell tools apart";
  return "no tool knows a word of the sentence";
}

std::string Matcher::Impl::reason(const Trace& trace, const Candidate& best) const {
  if (!trace.semantic.empty())
    return fmt::format("{} on {} has a cosine of {:.2f}", best.tool, best.server,
                       trace.semantic.front().cosine);
  return fmt::format("{} on {} covers {:.0f} % of the sentence, {:.0f} % ahead of the next", best.tool,
                     best.server, 100 * trace.ranking.coverage, 100 * trace.ranking.margin);
}

void Matcher::Impl::by_rank(Trace& trace, Decision& decision) const {
  if (decision.candidates.empty()) {
    decision.explanation = without_candidate(trace);
    return;
  }
  const bool with_model = !trace.semantic.empty();
  decision.confidence = with_model ? confidence_of(trace.semantic) : bm25_confidence(trace.evidence);
  const Candidate& best = decision.candidates.front();
  decision.explanation = reason(trace, best);
  if (decision.confidence < options.threshold) {
    decision.explanation +=
        fmt::format(": confidence {:.2f} is below {:.2f}", decision.confidence, options.threshold);
    return;
  }
  const Call& call = *trace.call;
  decision.method = with_model ? MatchMethod::embedding : MatchMethod::bm25;
  decision.server = best.server;
  decision.tool = best.tool;
  decision.params = text_of(call.params);
  decision.matched = call.complete();
  if (!call.complete()) decision.explanation += ", but " + call.complaint();
  decision.missing_arguments = call.missing;
  decision.refused_arguments = call.refused;
}

/// The order of the tools, and the evidence for the first.
void Matcher::Impl::rank(const Sentence& sentence, Trace& trace, Decision& decision) const {
  trace.ranking = index.rank(sentence, semantic ? tools.size() : kCandidatesMax);
  if (semantic) {
    auto hits = semantic->rank(sentence.text, trace.ranking, kCandidatesMax);
    if (hits)
      trace.semantic = *std::move(hits);
    else
      trace.embedder_error = hits.error().message;
  }
  const auto add = [&](std::size_t tool, double score) {
    trace.order.push_back(tool);
    decision.candidates.push_back({.server = tools[tool].server, .tool = tools[tool].tool, .score = score});
  };
  if (trace.ranking.hits.size() > kCandidatesMax) trace.ranking.hits.resize(kCandidatesMax);
  for (const SemanticIndex::Hit& hit : trace.semantic) add(hit.tool, hit.score);
  if (trace.semantic.empty())
    for (const Ranking::Hit& hit : trace.ranking.hits) add(hit.tool, hit.score);
  if (trace.order.empty()) return;
  trace.call = call_of(trace.order.front(), json::object(), sentence);
  const std::size_t required = missing_arguments(schemas[trace.order.front()], json::object()).size();
  const auto missing = static_cast<double>(std::min(required, trace.call->missing.size()));
  trace.evidence = {.coverage = trace.ranking.coverage,
                    .mass = trace.ranking.mass,
                    .named = trace.ranking.named,
                    .margin = trace.ranking.margin,
                    .arguments = required == 0 ? 1 : 1 - missing / static_cast<double>(required)};
}

Decision Matcher::Impl::decide(std::string_view query, Trace& trace) const {
  Decision decision;
  const Sentence sentence = read_sentence(query);
  rank(sentence, trace, decision);
  if (!by_rules(sentence, trace, decision) && decision.rule == 0) by_rank(trace, decision);
  if (decision.matched) return decision;
  // The plan tells of each candidate what it would need.
  for (std::size_t i = 0; i < trace.order.size(); ++i)
    decision.candidates[i].missing_arguments =
        i == 0 ? trace.call->missing : call_of(trace.order[i], json::object(), sentence).missing;
  return decision;
}

Matcher::Matcher(RuleSet rules, std::vector<ToolView> tools, MatcherOptions options)
    : impl_(std::make_unique<const Impl>(std::move(rules), std::move(tools), std::move(options))) {}
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
                {"nameSaid", trace.ranking.named},
                {"margin", trace.ranking.margin},
                {"argumentsFilled", trace.evidence.arguments},
                {"confidence", trace.order.empty() ? 0 : bm25_confidence(trace.evidence)}}}};
  if (impl_->semantic) {
    json cosines = json::array();
    for (std::size_t i = 0; i < trace.semantic.size(); ++i)
      cosines.push_back({{"tool", decision.candidates[i].tool},
                         {"cosine", trace.semantic[i].cosine},
                         {"score", trace.semantic[i].score}});
    out["embedding"] = {{"candidates", std::move(cosines)}, {"error", trace.embedder_error}};
  }
  return text_of(out);
}

std::vector<ToolView> Matcher::nearest(std::string_view query, std::size_t count) const {
  count = std::min(count, impl_->tools.size());
  std::vector<bool> taken(impl_->tools.size(), false);
  std::vector<ToolView> found;
  const auto take = [&](std::size_t tool) {
    if (found.size() == count || taken[tool]) return;
    taken[tool] = true;
    found.push_back(impl_->tools[tool]);
  };
  const Ranking ranking = impl_->index.rank(read_sentence(query), impl_->tools.size());
  if (impl_->semantic)
    if (const auto hits = impl_->semantic->rank(query, ranking, count))
      for (const SemanticIndex::Hit& hit : *hits) take(hit.tool);
  for (const Ranking::Hit& hit : ranking.hits) take(hit.tool);
  for (std::size_t i = 0; i < impl_->tools.size(); ++i) take(i);
  return found;
}

std::size_t Matcher::rule_count() const {
  return impl_->rules.size();
}

std::size_t Matcher::tool_count() const {
  return impl_->tools.size();
}

}  // namespace geminga::orchestrator
