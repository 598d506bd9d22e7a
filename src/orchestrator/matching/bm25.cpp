#include "orchestrator/matching/bm25.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "orchestrator/events/schema_check.hpp"
#include "orchestrator/matching/matcher.hpp"
#include "orchestrator/matching/text.hpp"
#include "orchestrator/matching/usage.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

// The usual values; on our labelled sentences nothing within k1 0.9 to 2 and b 0.4 to 0.9 was better.
constexpr double kSaturation = 1.2;      // k1: how soon a repeated term counts no more
constexpr double kLengthPenalty = 0.75;  // b: how much a long description is held back
// So many imagined tools without any of the words: with one small server every word would stand in most tools
// and weigh next to nothing, and a rare word could not be told from a common one.
constexpr double kImaginedTools = 50;
// The most that earlier use can add; a term of middling rarity adds 2 to 3.
constexpr double kUseBonusMax = 0.2;
constexpr std::size_t kTermsPerToolMax = 4'000;
constexpr int kSchemaDepthMax = 6;

/// Names, titles and descriptions of a schema's properties, however deep.
void collect_schema_text(const json& schema, int depth, std::string& out) {
  if (!schema.is_object() || depth > kSchemaDepthMax) return;
  for (const char* name : {"title", "description"}) {
    const auto text = schema.find(name);
    if (depth > 0 && text != schema.end() && text->is_string())
      out += " " + text->get_ref<const std::string&>();
  }
  if (const auto properties = schema.find("properties");
      properties != schema.end() && properties->is_object()) {
    for (const auto& [name, property] : properties->items()) {
      out += " " + name;
      collect_schema_text(property, depth + 1, out);
    }
  }
  if (const auto items = schema.find("items"); items != schema.end())
    collect_schema_text(*items, depth + 1, out);
}

std::vector<std::string> document_of(const ToolView& tool) {
  std::string text = tool.tool + " " + tool.title + " " + tool.description;
  collect_schema_text(parse_json(tool.input_schema).value_or(json::object()), 0, text);
  std::vector<std::string> terms = terms_of(text);
  if (terms.size() > kTermsPerToolMax) terms.resize(kTermsPerToolMax);
  return terms;
}

std::vector<std::string> name_of(const ToolView& tool) {
  std::vector<std::string> terms = terms_of(tool.tool);
  std::ranges::sort(terms);
  terms.erase(std::ranges::unique(terms).begin(), terms.end());
  return terms;
}

std::vector<float> bonuses(std::span<const ToolView> tools) {
  std::vector<float> out;
  out.reserve(tools.size());
  for (const double share : usage_of(tools)) out.push_back(static_cast<float>(kUseBonusMax * share));
  return out;
}

}  // namespace

Bm25Index::Bm25Index(std::span<const ToolView> tools) : bonus_(bonuses(tools)) {
  std::vector<std::size_t> lengths;
  lengths.reserve(tools.size());
  std::size_t total = 0;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::vector<std::string> terms = document_of(tools[i]);
    names_.push_back(name_of(tools[i]));
    lengths.push_back(terms.size());
    total += terms.size();
    for (const std::string& term : terms) {
      std::vector<Posting>& postings = terms_[term].postings;
      const auto tool = static_cast<std::uint32_t>(i);
      if (postings.empty() || postings.back().tool != tool) postings.push_back({.tool = tool, .impact = 0});
      postings.back().impact += 1;  // the count for now
    }
  }
  const double mean =
      std::max(1.0, static_cast<double>(total) / std::max(1.0, static_cast<double>(tools.size())));
  for (auto& [term, entry] : terms_) {
    entry.idf = idf(entry.postings.size());
    for (Posting& posting : entry.postings) {
      const double tf = posting.impact;
      const double length =
          1 - kLengthPenalty + kLengthPenalty * static_cast<double>(lengths[posting.tool]) / mean;
      posting.impact = static_cast<float>(entry.idf * tf * (kSaturation + 1) / (tf + kSaturation * length));
    }
  }
}

double Bm25Index::idf(std::size_t tools_with_term) const {
  const double all = static_cast<double>(bonus_.size()) + kImaginedTools;
  const auto with = static_cast<double>(tools_with_term);
  return std::log(1 + (all - with + 0.5) / (with + 0.5));
}

const Bm25Index::TermEntry* Bm25Index::find(std::string_view term) const {
  const auto entry = terms_.find(term);
  return entry == terms_.end() ? nullptr : &entry->second;
}

void Bm25Index::score(Ranking& ranking, std::vector<float>& scores) const {
  std::vector<std::uint32_t> touched;
  for (const Ranking::Term& term : ranking.terms) {
    const TermEntry* entry = find(term.query.term);
    if (entry == nullptr) continue;
    for (const Posting& posting : entry->postings) {
      if (scores[posting.tool] == 0) touched.push_back(posting.tool);
      scores[posting.tool] += posting.impact;
    }
  }
  for (const std::uint32_t tool : touched)
    ranking.hits.push_back({.tool = tool, .score = scores[tool] + bonus_[tool]});
}

void Bm25Index::weigh(Ranking& ranking) const {
  const std::uint32_t best = ranking.hits[0].tool;
  ranking.margin = ranking.hits.size() == 1 ? 1 : 1 - ranking.hits[1].score / ranking.hits[0].score;
  double all = 0;
  double covered = 0;
  for (Ranking::Term& term : ranking.terms) {
    if (!term.counted) continue;
    const TermEntry* entry = find(term.query.term);
    term.covered = entry != nullptr && std::ranges::binary_search(entry->postings, best, {}, &Posting::tool);
    all += term.idf;
    if (term.covered) covered += term.idf;
  }
  const auto& name = names_[best];
  const auto said = std::ranges::count_if(name, [&](const std::string& word) {
    return std::ranges::any_of(ranking.terms, [&](const auto& term) { return term.query.term == word; });
  });
  ranking.named = name.empty() ? 0 : static_cast<double>(said) / static_cast<double>(name.size());
  ranking.mass = covered / idf(0);
  ranking.coverage = all > 0 ? covered / all : 0;
}

Ranking Bm25Index::rank(const Sentence& sentence, std::size_t hits_max) const {
  Ranking ranking;
  for (QueryTerm& query : query_terms(sentence)) {
    const TermEntry* entry = find(query.term);
    const std::size_t tools = entry == nullptr ? 0 : entry->postings.size();
    const bool counted = tools > 0 || !query.value;
    ranking.terms.push_back({.query = std::move(query),
                             .idf = idf(tools),
                             .tools = static_cast<std::uint32_t>(tools),
                             .counted = counted});
  }
  std::vector<float> scores(bonus_.size(), 0.0F);
  score(ranking, scores);
  const std::size_t kept = std::min(std::max<std::size_t>(hits_max, 2), ranking.hits.size());
  // Equal scores keep the order of the tools, so that the answer does not hang on the sort.
  std::ranges::partial_sort(ranking.hits, ranking.hits.begin() + static_cast<std::ptrdiff_t>(kept),
                            [](const Ranking::Hit& a, const Ranking::Hit& b) {
                              return a.score != b.score ? a.score > b.score : a.tool < b.tool;
                            });
  ranking.hits.resize(kept);
  if (!ranking.hits.empty()) weigh(ranking);
  if (ranking.hits.size() > hits_max) ranking.hits.resize(hits_max);
  return ranking;
}

}  // namespace geminga::orchestrator
