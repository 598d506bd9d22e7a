#include "orchestrator/matching/confidence.hpp"

#include <algorithm>
#include <cmath>

namespace geminga::orchestrator {
namespace {

// A logistic curve fitted to labelled sentences, see docs/matching.md.
constexpr double kBase = -8.35;
constexpr double kCoverageWeight = 1.5;
constexpr double kMassWeight = 5.9;
constexpr double kNameWeight = 1.8;
constexpr double kMarginWeight = 6;
constexpr double kArgumentsWeight = 1.8;
// Beyond these more is no better sign: a tool that alone has a word of a sentence is far ahead whatever the
// word is.
constexpr double kMassMax = 0.8;
constexpr double kMarginMax = 0.3;

}  // namespace

double bm25_confidence(const Evidence& evidence) {
  const double coverage = std::clamp(evidence.coverage, 0.0, 1.0);
  const double mass = std::clamp(evidence.mass, 0.0, kMassMax);
  const double named = std::clamp(evidence.named, 0.0, 1.0);
  const double margin = std::clamp(evidence.margin, 0.0, kMarginMax);
  const double arguments = std::clamp(evidence.arguments, 0.0, 1.0);
  const double sum = kBase + kCoverageWeight * coverage + kMassWeight * mass + kNameWeight * named +
                     kMarginWeight * margin + kArgumentsWeight * arguments;
  const double confidence = 1 / (1 + std::exp(-sum));
  return margin > 0 ? confidence : std::min(confidence, kTieConfidenceMax);
}

}  // namespace geminga::orchestrator
