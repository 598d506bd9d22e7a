#pragma once

namespace geminga::orchestrator {

/// How sure BM25's first tool is the right one, 0 to 1. Grows with the share of the sentence's idf mass that
/// the tool covers and with its margin over the second. docs/matching.md has the formula and how the numbers
/// in it were found; `./dev bench matcher` prints what it is worth.
double bm25_confidence(double coverage, double margin);

}  // namespace geminga::orchestrator
