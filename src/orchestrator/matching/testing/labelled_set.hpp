#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/matching/matcher.hpp"

/// The committed sentences of tests/data/matching, for the tests and the benchmark.
namespace geminga::orchestrator::testing {

struct LabelledSentence {
  std::vector<std::string> tools;  ///< the right ones; empty: none
  std::string text;
  bool held_out = false;  ///< not used when the confidence was tuned
};

/// Both throw std::runtime_error when the file is missing or malformed.
std::vector<ToolView> load_tools(const std::filesystem::path& file);
std::vector<LabelledSentence> load_sentences(const std::filesystem::path& file);

/// True when `tool` is one of the right ones; an empty `tool` is right where there is none.
bool is_right(const LabelledSentence& sentence, const std::string& tool);

}  // namespace geminga::orchestrator::testing
