#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

#include "orchestrator/matching/embedder.hpp"
#include "orchestrator/matching/rules.hpp"

namespace geminga::orchestrator {

/// What the matcher needs to know of a tool of the registry.
struct ToolView {
  std::string server{};
  std::string tool{};
  std::string description{};
  std::string input_schema{};  ///< JSON text; empty or no object: a tool without parameters
  std::string title{};         ///< may be empty
  std::uint64_t uses = 0;      ///< how often it answered a request; a small bonus, see docs/matching.md
};

enum class MatchMethod : std::uint8_t { none, rule, bm25, embedding };
std::string_view to_string(MatchMethod method) noexcept;

/// Stands for the name where no single argument is wrong, but what they are together.
inline constexpr std::string_view kAllArguments = "the arguments together";

/// An argument whose value the tool's inputSchema does not take.
struct RefusedArgument {
  std::string name{};  ///< "location.address"; never empty, see kAllArguments
  std::string why{};   ///< "found the number 12, expected at most 10"
  bool operator==(const RefusedArgument&) const = default;
};

struct Candidate {
  std::string server{};
  std::string tool{};
  double score = 0;  ///< of BM25 with the usage bonus; comparable within one sentence only
  std::vector<std::string> missing_arguments{};  ///< what the tool requires and the sentence does not say
  bool operator==(const Candidate&) const = default;
};

/// What became of a sentence. `matched` means: send the tool signal. Otherwise the request goes to the plan
/// fallback; `tool` is then empty, or the tool that has `missing_arguments` or `refused_arguments`.
struct Decision {
  bool matched = false;
  std::string server{};
  std::string tool{};
  std::string params = "{}";  ///< JSON text of an object
  double confidence = 0;      ///< 0 to 1, of the tool named here or else of the best candidate
  MatchMethod method = MatchMethod::none;
  std::uint32_t rule = 0;               ///< number of the rule, from 1; 0 where it was no rule
  std::vector<Candidate> candidates{};  ///< at most five, best first
  std::vector<std::string> missing_arguments{};
  std::vector<RefusedArgument> refused_arguments{};
  std::string explanation{};  ///< one sentence for people
  bool operator==(const Decision&) const = default;
};

/// For the row that carries the decision to the plan fallback.
std::string to_json(const Decision& decision);
/// Errors: parse_error.
Result<Decision> parse_decision(std::string_view text);

struct MatcherOptions {
  double threshold = 0.7;  ///< a lower confidence is no match
  /// Where it is given: 0.7 cosine + 0.2 words + 0.1 usage in the place of BM25 alone.
  std::shared_ptr<const Embedder> embedder{};
};

/// Finds the tool for a sentence: rules first, then BM25 over the tools of the registry (or the embedder's
/// cosine with it). A snapshot that never changes, so any thread may ask it; a change of rules, tools or use
/// counts makes a new one (1,000 tools in about 20 ms) that the owner swaps in by its shared_ptr.
class Matcher {
 public:
  Matcher(RuleSet rules, std::vector<ToolView> tools, MatcherOptions options = {});
  ~Matcher();
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  /// `query` as normalise_query() gives it.
  [[nodiscard]] Decision match(std::string_view query) const;
  /// The decision and how it came about, as JSON text: the terms with their idf and who covers them,
  /// coverage, margin, every rule that was tried and why it was passed over, and why nothing matched.
  [[nodiscard]] std::string explain(std::string_view query) const;

  /// The tools that fit best, then others, at most `count`: what a planner is told of.
  [[nodiscard]] std::vector<ToolView> nearest(std::string_view query, std::size_t count) const;

  [[nodiscard]] std::size_t rule_count() const;
  [[nodiscard]] std::size_t tool_count() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};
using MatcherPtr = std::shared_ptr<const Matcher>;

}  // namespace geminga::orchestrator
