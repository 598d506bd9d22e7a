#pragma once

#include <string>

namespace geminga::orchestrator {

/// Takes the endings of English grammar off a word in lower case, so that "directories" and "directory",
/// "listing" and "list" become one term: step 1 (plural, -ed, -ing, final y) and step 5 (final e, double l)
/// of M. F. Porter, "An algorithm for suffix stripping", Program 14 (1980). The steps between, which join
/// nouns and verbs of one root, are left out: they also join words of different meaning. A word with anything
/// but a to z stays as it is.
std::string stem(std::string word);

}  // namespace geminga::orchestrator
