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
  bool held_out = false;    ///< not used when the confidence was tuned
  std::string set{};        ///< of BFCL: the server whose tools it is asked of
  std::string arguments{};  ///< of BFCL: JSON object of the right values of each argument; "" among them: may
                            ///< be left out
};

/// All throw std::runtime_error when the file is missing or malformed.
std::vector<ToolView> load_tools(const std::filesystem::path& file);
std::vector<LabelledSentence> load_sentences(const std::filesystem::path& file);

/// The questions of bfcl/; those of sets with an even number are held out.
std::vector<LabelledSentence> load_questions(const std::filesystem::path& file);

/// True when `params` has what the sentence's `arguments` ask for, and nothing that they do not allow.
bool has_right_arguments(const LabelledSentence& sentence, const std::string& params);

/// True when `tool` is one of the right ones; an empty `tool` is right where there is none.
bool is_right(const LabelledSentence& sentence, const std::string& tool);

}  // namespace geminga::orchestrator::testing
