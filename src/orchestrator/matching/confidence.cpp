#include "orchestrator/matching/confidence.hpp"

#include <algorithm>
#include <cmath>

namespace geminga::orchestrator {
namespace {

// A logistic curve fitted to labelled sentences, see docs/matching.md.
constexpr double kBase = -6.8;
constexpr double kCoverageWeight = 2.8;
constexpr double kMassWeight = 4.2;
constexpr double kMarginWeight = 4.2;
// Beyond these more is no better sign: a tool that alone has a word of a sentence is far ahead whatever the
// word is.
constexpr double kMassMax = 1.2;
constexpr double kMarginMax = 0.5;

}  // namespace

double bm25_confidence(const Evidence& evidence) {
  const double coverage = std::clamp(evidence.coverage, 0.0, 1.0);
  const double mass = std::clamp(evidence.mass, 0.0, kMassMax);
  const double margin = std::clamp(evidence.margin, 0.0, kMarginMax);
  return 1 /
         (1 + std::exp(-(kBase + kCoverageWeight * coverage + kMassWeight * mass + kMarginWeight * margin)));
}

}  // namespace geminga::orchestrator
