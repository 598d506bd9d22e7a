#include "orchestrator/matching/confidence.hpp"

#include <algorithm>
#include <cmath>

namespace geminga::orchestrator {
namespace {

// Of a logistic curve.
constexpr double kBase = -6.0;
constexpr double kCoverageWeight = 6.5;
constexpr double kMarginWeight = 4.0;

}  // namespace

double bm25_confidence(double coverage, double margin) {
  const double c = std::clamp(coverage, 0.0, 1.0);
  const double m = std::clamp(margin, 0.0, 1.0);
  return 1 / (1 + std::exp(-(kBase + kCoverageWeight * c + kMarginWeight * m)));
}

}  // namespace geminga::orchestrator
