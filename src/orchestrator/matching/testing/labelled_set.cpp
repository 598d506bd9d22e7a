#include "orchestrator/matching/testing/labelled_set.hpp"

#include <algorithm>
#include <cctype>
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

/// BFCL compares texts without regard to case, blanks and punctuation.
std::string loose(const nlohmann::json& value) {
  std::string text;
  for (const char c : value.is_string() ? value.get<std::string>() : value.dump())
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80)
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_acceptable(const nlohmann::json& value, const nlohmann::json& choices) {
  return std::any_of(choices.begin(), choices.end(), [&](const nlohmann::json& choice) {
    return value == choice || ((value.is_string() || value.is_array()) && loose(value) == loose(choice));
  });
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

std::vector<LabelledSentence> load_questions(const std::filesystem::path& file) {
  std::ifstream in = opened(file);
  std::vector<LabelledSentence> sentences;
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line);
    LabelledSentence sentence{
        .text = row.at("text"), .set = row.at("set"), .arguments = row.at("arguments").dump()};
    if (!row.at("tool").is_null()) sentence.tools.push_back(row.at("tool"));
    sentence.held_out = (sentence.set.back() - '0') % 2 == 0;
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

bool has_right_arguments(const LabelledSentence& sentence, const std::string& params) {
  const auto given = nlohmann::json::parse(params);
  const auto wanted = nlohmann::json::parse(sentence.arguments);
  for (const auto& [name, choices] : wanted.items()) {
    const bool may_lack = std::find(choices.begin(), choices.end(), "") != choices.end();
    if (given.contains(name) ? !is_acceptable(given[name], choices) : !may_lack) return false;
  }
  for (const auto& [name, value] : given.items())
    if (!wanted.contains(name)) return false;
  return true;
}

bool is_right(const LabelledSentence& sentence, const std::string& tool) {
  if (tool.empty()) return sentence.tools.empty();
  return std::ranges::find(sentence.tools, tool) != sentence.tools.end();
}

}  // namespace geminga::orchestrator::testing
