#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "orchestrator/matching/query_terms.hpp"

namespace geminga::orchestrator {

struct ToolView;

/// What BM25 found for a sentence, with everything that the confidence and the explanation are made of.
struct Ranking {
  struct Term {
    QueryTerm query;
    double idf = 0;           ///< what it weighs; of an unknown word, the weight of the rarest
    std::uint32_t tools = 0;  ///< in how many tools it stands
    bool counted = true;      ///< false: a value that no tool knows
    bool covered = false;     ///< the best tool has it
  };
  struct Hit {
    std::uint32_t tool = 0;  ///< index in the list that the index was built from
    double score = 0;
  };
  std::vector<Term> terms;
  std::vector<Hit> hits;  ///< best first, at most as many as were asked for; score > 0
  double coverage = 0;    ///< covered idf mass of the counted terms, 0 to 1
  double mass = 0;        ///< the covered idf mass in units of a word that no tool has
  double named = 0;       ///< share of the words of its name that stand in the sentence, 0 to 1
  double margin = 0;      ///< (first score - second score) / first score; 1 where there is no second
};

/// An inverted index over names, descriptions and parameters of tools. Never changes; any thread.
///
/// score(q, t) = sum over the terms of q of  idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean
/// length)), plus a bonus for tools that were used before. A term of a name counts as one of the description.
class Bm25Index {
 public:
  /// The tools are not kept.
  explicit Bm25Index(std::span<const ToolView> tools);
  /// At most `hits_max` hits; coverage, mass, named and margin are of the first.
  [[nodiscard]] Ranking rank(const Sentence& sentence, std::size_t hits_max) const;

 private:
  struct Posting {
    std::uint32_t tool;
    float impact;  // the whole summand, known when the index is built
  };
  struct TermEntry {
    double idf = 0;
    std::vector<Posting> postings;  // by tool
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using TermMap = std::unordered_map<std::string, TermEntry, Hash, std::equal_to<>>;

  void score(Ranking& ranking, std::vector<float>& scores) const;
  void weigh(Ranking& ranking) const;
  [[nodiscard]] const TermEntry* find(std::string_view term) const;
  [[nodiscard]] double idf(std::size_t tools_with_term) const;

  TermMap terms_;
  // By tool:
  std::vector<float> bonus_;
  std::vector<std::vector<std::string>> names_;  // the terms of the name, each once
};

}  // namespace geminga::orchestrator
