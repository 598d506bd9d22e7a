#include "orchestrator/matching/testing/labelled_set.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace geminga::orchestrator::testing {
namespace {

std::ifstream opened(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return in;
}

LabelledSentence parse_line(const std::string& line) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string::npos) throw std::runtime_error("no tab in: " + line);
  LabelledSentence sentence{.tools = {}, .text = line.substr(tab + 1)};
  std::istringstream names(line.substr(0, tab));
  for (std::string name; std::getline(names, name, '|');)
    if (name != "-") sentence.tools.push_back(name);
  return sentence;
}

}  // namespace

std::vector<ToolView> load_tools(const std::filesystem::path& file) {
  std::ifstream in = opened(file);
  std::vector<ToolView> tools;
  for (const auto& tool : nlohmann::json::parse(in)) {
    tools.push_back({.server = tool.at("server"),
                     .tool = tool.at("tool"),
                     .description = tool.at("description"),
                     .input_schema = tool.at("inputSchema").dump(),
                     .title = tool.value("title", std::string())});
  }
  return tools;
}

std::vector<LabelledSentence> load_sentences(const std::filesystem::path& file) {
  std::ifstream in = opened(file);
  std::vector<LabelledSentence> sentences;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    sentences.push_back(parse_line(line));
    sentences.back().held_out = sentences.size() % 2 == 0;
  }
  return sentences;
}

bool is_right(const LabelledSentence& sentence, const std::string& tool) {
  if (tool.empty()) return sentence.tools.empty();
  return std::ranges::find(sentence.tools, tool) != sentence.tools.end();
}

}  // namespace geminga::orchestrator::testing
