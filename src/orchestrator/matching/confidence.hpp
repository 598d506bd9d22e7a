#pragma once

namespace geminga::orchestrator {

/// What the confidence is made of; see Ranking.
struct Evidence {
  double coverage = 0;  ///< share of the sentence's idf mass that the tool covers, 0 to 1
  double mass = 0;      ///< that idf mass itself, in words that no tool has
  double named = 0;     ///< share of the words of the tool's name that stand in the sentence, 0 to 1
  double margin = 0;    ///< how far the tool is ahead of the second, 0 to 1
  /// Share of the required arguments that the sentence fills; 1 where none is required.
  double arguments = 1;
};

/// How sure BM25's first tool is the right one, 0 to 1. Grows with each of the five; 0.5 at most without a
/// margin. docs/matching.md has the formula and how the numbers in it were found; `matcher_bench` prints what
/// it is worth.
double bm25_confidence(const Evidence& evidence);

/// The most where two tools are equal: either may be meant.
inline constexpr double kTieConfidenceMax = 0.5;

}  // namespace geminga::orchestrator
