#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <geminga/error.hpp>

namespace geminga::orchestrator {

/// What a named group of a pattern caught; nothing where it took no part in the match.
using GroupValue = std::function<std::optional<std::string>(std::string_view name)>;

/// A text with `${group}` in it. `$${` stands for a plain "${".
class TextTemplate {
 public:
  /// Errors: config_error ("${" that is not closed or empty).
  static Result<TextTemplate> parse(std::string_view text);
  [[nodiscard]] std::vector<std::string> groups() const;
  /// Nothing where the text names groups and none of them took part.
  [[nodiscard]] std::optional<std::string> fill(const GroupValue& value) const;

 private:
  struct Piece {
    std::string text;
    bool is_group = false;
  };
  std::vector<Piece> pieces_;
};

/// The params of a rule: JSON whose strings are templates. Types other than strings stay as they are.
class ParamsTemplate {
 public:
  /// `params` is an object. Errors: config_error, with the path of the value.
  static Result<ParamsTemplate> parse(const nlohmann::json& params);
  [[nodiscard]] std::vector<std::string> groups() const;
  /// A text without any group that took part is left out, and so is a table or array that is empty because of
  /// it.
  [[nodiscard]] nlohmann::json fill(const GroupValue& value) const;

 private:
  struct Node;
  static Result<Node> parse_node(const nlohmann::json& value, const std::string& path);
  static std::optional<nlohmann::json> fill_node(const Node& node, const GroupValue& value);
  static void collect(const Node& node, std::vector<std::string>& groups);
  std::shared_ptr<const Node> root_;
};

}  // namespace geminga::orchestrator
