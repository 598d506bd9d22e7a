#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::orchestrator {

/// What a rule makes of a sentence.
struct RuleMatch {
  std::size_t number = 0;  ///< of the rule in its file, from 1
  std::string tool{};
  std::string server{};  ///< empty: any server that has the tool
  double confidence = 0;
  std::string params{};  ///< JSON text of an object
};

/// The keyword rules in their order. Never changes once made; copies share it. Any thread.
class RuleSet {
 public:
  /// No rule at all.
  RuleSet();
  /// Reads the text of a rules.toml. `source` names it in errors. Errors: config_error with source, rule
  /// number, line and remedy.
  static Result<RuleSet> parse(std::string_view text, std::string_view source);
  /// Errors: io_error (the file cannot be read), config_error.
  static Result<RuleSet> load(const std::filesystem::path& file);
  /// The built-in rules: weather, routes, places, web search, visiting a site.
  static const RuleSet& defaults();
  /// Their text, to start one's own file from.
  static std::string_view default_text() noexcept;

  [[nodiscard]] std::size_t size() const;
  /// The first rule from number `from` on (counted from 1) whose pattern is found in the sentence.
  [[nodiscard]] std::optional<RuleMatch> match(std::string_view query, std::size_t from = 1) const;

  struct Impl;

 private:
  explicit RuleSet(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace geminga::orchestrator
