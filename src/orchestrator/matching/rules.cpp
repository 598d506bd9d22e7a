#include "orchestrator/matching/rules.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <re2/re2.h>
#include <toml++/toml.h>

#include "base/assert.hpp"
#include "base/try.hpp"
#include "orchestrator/matching/ascii.hpp"
#include "orchestrator/matching/default_rules.hpp"
#include "orchestrator/matching/params.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr double kDefaultConfidence = 0.9;
constexpr std::size_t kFileBytesMax = std::size_t{4} << 20U;

struct Rule {
  std::unique_ptr<const RE2> pattern;
  std::unique_ptr<const RE2> unless;  // null: no exception
  std::map<std::string, int, std::less<>> groups;
  std::string tool;
  std::string server;
  double confidence = kDefaultConfidence;
  ParamsTemplate params;
};

/// Where a rule stands, for its errors: "rules.toml: rule 3, line 17: ...".
struct Place {
  std::string_view source;
  std::size_t rule = 0;

  [[nodiscard]] std::unexpected<Error> error(const toml::node& node, std::string_view what) const {
    return fail(ErrorCode::config_error,
                fmt::format("{}: rule {}, line {}: {}", source, rule, node.source().begin.line, what));
  }
};

/// The TOML value as JSON. A date or a time becomes its text; NaN and infinity have no JSON form.
Result<json> to_json_value(const toml::node& node, const Place& place) {
  if (const auto* table = node.as_table()) {
    json out = json::object();
    for (const auto& [name, member] : *table) {
      GEMINGA_TRY(json value, to_json_value(member, place));
      out[std::string(name.str())] = std::move(value);
    }
    return out;
  }
  if (const auto* array = node.as_array()) {
    json out = json::array();
    for (const toml::node& element : *array) {
      GEMINGA_TRY(json value, to_json_value(element, place));
      out.push_back(std::move(value));
    }
    return out;
  }
  if (const auto* text = node.as_string()) return json(text->get());
  if (const auto* flag = node.as_boolean()) return json(flag->get());
  if (const auto* whole = node.as_integer()) return json(whole->get());
  if (const auto* number = node.as_floating_point()) {
    if (std::isfinite(number->get())) return json(number->get());
    return place.error(node, "nan and inf cannot be sent to a tool; write a finite number or a text");
  }
  std::ostringstream text;
  if (const auto* date = node.as_date()) text << date->get();
  if (const auto* time = node.as_time()) text << time->get();
  if (const auto* moment = node.as_date_time()) text << moment->get();
  return json(text.str());
}

Result<std::string> text_member(const toml::table& table, std::string_view name, const Place& place) {
  const toml::node* node = table.get(name);
  if (node == nullptr)
    return place.error(table, fmt::format("no {}; every rule needs pattern and tool", name));
  const auto* text = node->as_string();
  if (text == nullptr || text->get().empty())
    return place.error(*node, fmt::format("{} must be a text that is not empty, in quotes", name));
  return text->get();
}

/// RE2's own message, with the remedy for what people bring from other dialects.
std::string explain(const RE2& pattern) {
  std::string_view remedy;
  const std::string& text = pattern.pattern();
  if (text.find("(?<") != std::string::npos && text.find("(?<=") == std::string::npos &&
      text.find("(?<!") == std::string::npos)
    remedy = "; a named group is written (?P<name>...)";
  else if (text.find("(?=") != std::string::npos || text.find("(?!") != std::string::npos ||
           text.find("(?<") != std::string::npos)
    remedy = "; RE2 has no look-around, use `unless` for what must not stand in the sentence";
  return fmt::format("{} (RE2{})", pattern.error(), remedy);
}

/// Letter case does not count unless it says (?-i), "." takes line
/// breaks.
Result<std::unique_ptr<const RE2>> compile(const toml::table& table, std::string_view name,
                                           const Place& place) {
  GEMINGA_TRY(const std::string text, text_member(table, name, place));
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_dot_nl(true);
  options.set_log_errors(false);
  auto pattern = std::make_unique<const RE2>(text, options);
  if (!pattern->ok())
    return place.error(*table.get(name), fmt::format("{} does not compile: {}", name, explain(*pattern)));
  return pattern;
}

Result<double> read_confidence(const toml::table& table, const Place& place) {
  const toml::node* node = table.get("confidence");
  if (node == nullptr) return kDefaultConfidence;
  const auto number = node->value<double>();
  if (!number || !(*number >= 0 && *number <= 1))
    return place.error(*node, "confidence must be a number from 0 to 1");
  return *number;
}

Result<ParamsTemplate> read_params(const toml::table& table, const Rule& rule, const Place& place) {
  const toml::node* node = table.get("params");
  if (node == nullptr) return ParamsTemplate{};
  if (!node->is_table()) return place.error(*node, "params must be a table: [rule.params]");
  GEMINGA_TRY(const json params, to_json_value(*node, place));
  auto read = ParamsTemplate::parse(params);
  if (!read) return place.error(*node, read.error().message);
  for (const std::string& group : read->groups()) {
    if (rule.groups.contains(group)) continue;
    std::vector<std::string> known;
    known.reserve(rule.groups.size());
    for (const auto& [name, number] : rule.groups) known.push_back(name);
    return place.error(*node, fmt::format("params use ${{{}}}, but the pattern has {}", group,
                                          known.empty() ? std::string("no named group; write (?P<name>...)")
                                                        : fmt::format("only: {}", fmt::join(known, ", "))));
  }
  return read;
}

Result<> check_keys(const toml::table& table, const Place& place) {
  static constexpr std::string_view kKnown[] = {"pattern", "unless",     "tool",
                                                "server",  "confidence", "params"};
  for (const auto& [name, node] : table) {
    if (std::ranges::find(kKnown, name.str()) == std::end(kKnown)) {
      return fail(ErrorCode::config_error,
                  fmt::format("{}: rule {}, line {}: unknown key '{}'; a rule has {}", place.source,
                              place.rule, name.source().begin.line, name.str(), fmt::join(kKnown, ", ")));
    }
  }
  return {};
}

Result<Rule> read_rule(const toml::table& table, const Place& place) {
  GEMINGA_TRY_VOID(check_keys(table, place));
  Rule rule;
  GEMINGA_TRY(rule.pattern, compile(table, "pattern", place));
  for (const auto& [name, number] : rule.pattern->NamedCapturingGroups()) rule.groups.emplace(name, number);
  if (table.contains("unless")) {
    GEMINGA_TRY(rule.unless, compile(table, "unless", place));
  }
  GEMINGA_TRY(rule.tool, text_member(table, "tool", place));
  if (table.contains("server")) {
    GEMINGA_TRY(rule.server, text_member(table, "server", place));
  }
  GEMINGA_TRY(rule.confidence, read_confidence(table, place));
  GEMINGA_TRY(rule.params, read_params(table, rule, place));
  return rule;
}

Result<toml::table> parse_toml(std::string_view text, std::string_view source) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::config_error, fmt::format("{}: line {}: no valid TOML: {}", source,
                                                     error.source().begin.line, error.description()));
  }
}

Result<std::vector<Rule>> read_rules(const toml::table& root, std::string_view source) {
  for (const auto& [name, node] : root) {
    if (name.str() == "rule") continue;
    return fail(ErrorCode::config_error,
                fmt::format("{}: line {}: unknown key '{}'; the file holds [[rule]] only", source,
                            name.source().begin.line, name.str()));
  }
  std::vector<Rule> rules;
  const toml::node* list = root.get("rule");
  if (list == nullptr) return rules;
  const std::string one_table = fmt::format(
      "{}: line {}: write [[rule]] with two brackets, once for each rule", source, list->source().begin.line);
  if (!list->is_array()) return fail(ErrorCode::config_error, one_table);
  for (const toml::node& node : *list->as_array()) {
    if (!node.is_table()) return fail(ErrorCode::config_error, one_table);
    GEMINGA_TRY(Rule rule, read_rule(*node.as_table(), {.source = source, .rule = rules.size() + 1}));
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

struct RuleSet::Impl {
  std::vector<Rule> rules;
};

RuleSet::RuleSet() : impl_(std::make_shared<const Impl>()) {}
RuleSet::RuleSet(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<RuleSet> RuleSet::parse(std::string_view text, std::string_view source) {
  GEMINGA_TRY(const toml::table root, parse_toml(text, source));
  GEMINGA_TRY(std::vector<Rule> rules, read_rules(root, source));
  auto impl = std::make_shared<Impl>();
  impl->rules = std::move(rules);
  return RuleSet(std::move(impl));
}

Result<RuleSet> RuleSet::load(const std::filesystem::path& file) {
  std::error_code error;
  std::ifstream in(file, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (!in.is_open() || in.bad() || std::filesystem::is_directory(file, error))
    return fail(
        ErrorCode::io_error,
        fmt::format("rules file {} cannot be read; check the path and its permissions", file.string()));
  if (text.size() > kFileBytesMax)
    return fail(ErrorCode::config_error,
                fmt::format("{} is larger than 4 MiB; is it a rules file?", file.string()));
  return parse(text, file.string());
}

const RuleSet& RuleSet::defaults() {
  static const RuleSet kRules = [] {
    auto parsed = parse(default_text(), "built-in rules");
    GEMINGA_ASSERT(parsed.has_value());
    return *std::move(parsed);
  }();
  return kRules;
}

std::string_view RuleSet::default_text() noexcept {
  return kDefaultRules;
}

std::size_t RuleSet::size() const {
  return impl_->rules.size();
}

std::optional<RuleMatch> RuleSet::match(std::string_view query, std::size_t from) const {
  std::vector<re2::StringPiece> caught;
  const re2::StringPiece text(query.data(), query.size());
  for (std::size_t i = from > 0 ? from - 1 : 0; i < impl_->rules.size(); ++i) {
    const Rule& rule = impl_->rules[i];
    caught.assign(static_cast<std::size_t>(rule.pattern->NumberOfCapturingGroups()) + 1, {});
    if (!rule.pattern->Match(text, 0, text.size(), RE2::UNANCHORED, caught.data(),
                             static_cast<int>(caught.size())))
      continue;
    if (rule.unless && RE2::PartialMatch(text, *rule.unless)) continue;
    const auto value = [&](std::string_view name) -> std::optional<std::string> {
      const re2::StringPiece piece = caught[static_cast<std::size_t>(rule.groups.find(name)->second)];
      const std::string_view clean = trimmed({piece.data() == nullptr ? "" : piece.data(), piece.size()});
      if (clean.empty()) return std::nullopt;
      return std::string(clean);
    };
    return RuleMatch{.number = i + 1,
                     .tool = rule.tool,
                     .server = rule.server,
                     .confidence = rule.confidence,
                     .params = rule.params.fill(value).dump(-1, ' ', false, json::error_handler_t::replace)};
  }
  return std::nullopt;
}

}  // namespace geminga::orchestrator
