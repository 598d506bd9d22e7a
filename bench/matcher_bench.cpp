// What the matcher is worth and what it costs: hit@1 and hit@5, precision and coverage at each threshold of
// the confidence, what is called and with which arguments, time of a query and of a rebuild, on the labelled
// sentences of tests/data/matching. Usage: matcher_bench [--rows]; --rows prints every sentence with its
// numbers, tab-separated, for whoever fits the confidence anew.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <random>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "orchestrator/matching/normalise.hpp"
#include "orchestrator/matching/testing/labelled_set.hpp"

namespace {

using namespace geminga::orchestrator;
using testing::LabelledSentence;

struct Row {
  const LabelledSentence* sentence;
  Decision decision;
  double coverage = 0;
  double mass = 0;
  double named = 0;
  double margin = 0;
  double arguments = 0;
};

/// The tool that the matcher would name with this confidence, empty below the threshold.
std::string chosen(const Row& row, double threshold) {
  if (row.decision.confidence < threshold) return {};
  if (!row.decision.tool.empty()) return row.decision.tool;
  return row.decision.candidates.empty() ? std::string{} : row.decision.candidates.front().tool;
}

Row decide(const Matcher& matcher, const LabelledSentence& sentence) {
  const std::string query = normalise_query(sentence.text);
  const auto explained = nlohmann::json::parse(matcher.explain(query));
  return {.sentence = &sentence,
          .decision = matcher.match(query),
          .coverage = explained["bm25"]["coverage"],
          .mass = explained["bm25"]["coveredIdf"],
          .named = explained["bm25"]["nameSaid"],
          .margin = explained["bm25"]["margin"],
          .arguments = explained["bm25"]["argumentsFilled"]};
}

std::vector<Row> decide_all(const Matcher& matcher, const std::vector<LabelledSentence>& sentences) {
  std::vector<Row> rows;
  rows.reserve(sentences.size());
  for (const LabelledSentence& sentence : sentences) rows.push_back(decide(matcher, sentence));
  return rows;
}

void print_hits(std::string_view name, const std::vector<Row>& rows) {
  int related = 0;
  int first = 0;
  int five = 0;
  for (const Row& row : rows) {
    if (row.sentence->tools.empty()) continue;
    ++related;
    const auto& candidates = row.decision.candidates;
    first += !candidates.empty() && is_right(*row.sentence, candidates.front().tool);
    five +=
        std::ranges::any_of(candidates, [&](const Candidate& c) { return is_right(*row.sentence, c.tool); });
  }
  fmt::print("{:<28} BM25 alone: hit@1 {:.3f}, hit@5 {:.3f} of {} related sentences\n", name,
             static_cast<double>(first) / related, static_cast<double>(five) / related, related);
}

void print_curve(std::string_view name, const std::vector<Row>& rows) {
  fmt::print("{}: threshold, sentences given a tool, precision of these, coverage of the related ones\n",
             name);
  const auto related =
      std::ranges::count_if(rows, [](const Row& row) { return !row.sentence->tools.empty(); });
  for (int percent = 30; percent <= 95; percent += 5) {
    const double threshold = percent / 100.0;
    int given = 0;
    int right = 0;
    for (const Row& row : rows) {
      const std::string tool = chosen(row, threshold);
      if (tool.empty()) continue;
      ++given;
      right += is_right(*row.sentence, tool);
    }
    fmt::print("  {:.2f}  {:4}  {:.3f}  {:.3f}{}\n", threshold, given,
               given > 0 ? static_cast<double>(right) / given : 1,
               static_cast<double>(right) / static_cast<double>(related), percent == 70 ? "  <- used" : "");
  }
}

double share(int part, int whole) {
  return whole > 0 ? static_cast<double>(part) / whole : 1;
}

/// Of those that would be called: the tool, and with BFCL the arguments too.
void print_calls(std::string_view name, const std::vector<Row>& rows) {
  int called = 0;
  int right = 0;
  int named = 0;
  int arguments = 0;
  for (const Row& row : rows) {
    const bool hit = row.decision.matched && is_right(*row.sentence, row.decision.tool);
    called += row.decision.matched;
    right += hit;
    arguments +=
        hit && !row.sentence->arguments.empty() && has_right_arguments(*row.sentence, row.decision.params);
    named += !row.decision.matched && !row.decision.tool.empty();
  }
  fmt::print(
      "{:<28} {} called, {:.3f} of them the right tool; {} named with what is missing or refused, {} left\n",
      name, called, share(right, called), named, static_cast<int>(rows.size()) - called - named);
  if (arguments > 0)
    fmt::print("{:<28} of {} calls of the right tool {:.3f} have the right arguments\n", name, right,
               share(arguments, right));
}

void print_rows(std::string_view name, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const auto& candidates = row.decision.candidates;
    const std::string best = row.decision.rule != 0 ? row.decision.tool
                             : candidates.empty()   ? "-"
                                                    : candidates.front().tool;
    fmt::print("{}\t{}\t{}\t{:.3f}\t{:.3f}\t{:.3f}\t{:.3f}\t{:.3f}\t{:.3f}\t{}\t{}\t{}\t{}\t{}\n", name,
               is_right(*row.sentence, best) ? "right" : "wrong", row.sentence->held_out ? "held" : "tune",
               row.decision.confidence, row.coverage, row.mass, row.margin, row.arguments, row.named,
               row.decision.rule, best, row.sentence->tools.empty() ? "-" : row.sentence->tools.front(),
               row.sentence->text, row.decision.params);
  }
}

/// `count` tools whose words are drawn from those of the real ones, rare and common as there, with some of
/// their own.
std::vector<ToolView> many_tools(const std::vector<ToolView>& real, std::size_t count) {
  std::vector<std::string> words;
  for (const ToolView& tool : real) {
    std::string word;
    for (const char c : tool.description + " ") {
      if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        words.push_back(std::exchange(word, {}));
      }
    }
  }
  std::mt19937 random(1);
  std::vector<ToolView> tools;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text;
    for (int j = 0; j < 30; ++j) text += words[random() % words.size()] + " ";
    tools.push_back({.server = fmt::format("server{}", i % 50),
                     .tool = fmt::format("{}_{}", words[random() % words.size()], i),
                     .description = fmt::format("{} special{} topic{}", text, i % 400, i % 90),
                     .input_schema = real[i % real.size()].input_schema});
  }
  return tools;
}

void print_times(const std::vector<ToolView>& real, const std::vector<LabelledSentence>& sentences) {
  using Clock = std::chrono::steady_clock;
  const auto micros = [](Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
  };
  for (const std::size_t count : {real.size(), std::size_t{1'000}, std::size_t{2'000}}) {
    const auto start = Clock::now();
    const Matcher matcher(RuleSet{}, count == real.size() ? real : many_tools(real, count));
    const double build = micros(Clock::now() - start);
    std::vector<double> times;
    for (int round = 0; round < 20; ++round) {
      for (const LabelledSentence& sentence : sentences) {
        const auto before = Clock::now();
        const Decision decision = matcher.match(sentence.text);
        times.push_back(micros(Clock::now() - before));
        if (decision.confidence < 0) std::abort();
      }
    }
    std::ranges::sort(times);
    fmt::print("{:5} tools: rebuilt in {:7.0f} us, a query without rules p50 {:5.1f} us, p99 {:5.1f} us\n",
               count, build, times[times.size() / 2], times[times.size() * 99 / 100]);
  }
  const auto start = Clock::now();
  std::size_t found = 0;
  for (const LabelledSentence& sentence : sentences)
    found += RuleSet::defaults().match(sentence.text).has_value();
  fmt::print("the {} built-in rules take {:.1f} us a sentence ({} of {} find one)\n",
             RuleSet::defaults().size(), micros(Clock::now() - start) / static_cast<double>(sentences.size()),
             found, sentences.size());
}

void print_worth(std::string_view name, const std::vector<Row>& all, bool show_rows) {
  std::vector<Row> held;
  std::ranges::copy_if(all, std::back_inserter(held), [](const Row& row) { return row.sentence->held_out; });
  fmt::print("=== {}\n", name);
  for (const auto* rows : std::initializer_list<const std::vector<Row>*>{&all, &held}) {
    const auto part = rows == &all ? "all" : "held out";
    print_hits(part, *rows);
    print_calls(part, *rows);
    print_curve(part, *rows);
  }
  if (show_rows) print_rows(name, all);
}

/// Each question asked of the tools of its own set.
std::vector<Row> decide_by_set(const std::vector<ToolView>& tools,
                               const std::vector<LabelledSentence>& questions) {
  std::map<std::string, std::vector<ToolView>> sets;
  for (const ToolView& tool : tools) sets[tool.server].push_back(tool);
  std::vector<Row> rows;
  for (const auto& [name, list] : sets) {
    const Matcher matcher(RuleSet{}, list);
    for (const LabelledSentence& question : questions)
      if (question.set == name) rows.push_back(decide(matcher, question));
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  const bool show_rows = argc == 2 && std::string_view(argv[1]) == "--rows";
  if (argc > 1 && !show_rows) {
    fmt::print(stderr, "matcher_bench knows --rows and nothing else\n");
    return 2;
  }
  const std::filesystem::path data = std::filesystem::path(GEMINGA_SOURCE_DIR) / "tests/data/matching";
  const auto tools = testing::load_tools(data / "tools.json");
  const auto sentences = testing::load_sentences(data / "sentences.tsv");
  for (const bool with_rules : {false, true}) {
    const Matcher matcher(with_rules ? RuleSet::defaults() : RuleSet{}, tools);
    print_worth(fmt::format("our sentences, {} tools, {}", tools.size(),
                            with_rules ? "built-in rules, then BM25" : "BM25 without rules"),
                decide_all(matcher, sentences), show_rows);
  }
  const auto bfcl_tools = testing::load_tools(data / "bfcl/tools.json");
  const auto questions = testing::load_questions(data / "bfcl/questions.jsonl");
  print_worth("BFCL, sets of 40 tools", decide_by_set(bfcl_tools, questions), show_rows);
  // What the tools of one set cannot do those of another may.
  auto related = questions;
  std::erase_if(related, [](const LabelledSentence& question) { return question.tools.empty(); });
  print_worth(fmt::format("BFCL, all {} tools at once, questions that have one", bfcl_tools.size()),
              decide_all(Matcher(RuleSet{}, bfcl_tools), related), show_rows);
  print_times(tools, sentences);
  return 0;
}
