#include "orchestrator/matching/params.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::orchestrator {

using nlohmann::json;

Result<TextTemplate> TextTemplate::parse(std::string_view text) {
  TextTemplate result;
  std::string plain;
  while (!text.empty()) {
    if (text.starts_with("$${")) {
      plain += "${";
      text.remove_prefix(3);
      continue;
    }
    if (!text.starts_with("${")) {
      plain += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos || end == 2) {
      return fail(ErrorCode::config_error,
                  fmt::format("'{}' is no ${{group}}; write $${{ for a plain ${{", text));
    }
    if (!plain.empty()) result.pieces_.push_back({.text = std::exchange(plain, {})});
    result.pieces_.push_back({.text = std::string(text.substr(2, end - 2)), .is_group = true});
    text.remove_prefix(end + 1);
  }
  if (!plain.empty()) result.pieces_.push_back({.text = std::move(plain)});
  return result;
}

std::vector<std::string> TextTemplate::groups() const {
  std::vector<std::string> names;
  for (const Piece& piece : pieces_)
    if (piece.is_group) names.push_back(piece.text);
  return names;
}

std::optional<std::string> TextTemplate::fill(const GroupValue& value) const {
  std::string out;
  bool has_groups = false;
  bool caught = false;
  for (const Piece& piece : pieces_) {
    if (!piece.is_group) {
      out += piece.text;
      continue;
    }
    has_groups = true;
    if (const auto text = value(piece.text)) {
      caught = true;
      out += *text;
    }
  }
  if (has_groups && !caught) return std::nullopt;
  return out;
}

/// One value: a text, a fixed value, or a table or array of nodes.
struct ParamsTemplate::Node {
  std::optional<TextTemplate> text;
  json fixed;                  // null, boolean or number; or an empty object or array
  std::string name;            // where it is a member of a table
  std::vector<Node> members;   // of a table
  std::vector<Node> elements;  // of an array
};

Result<ParamsTemplate::Node> ParamsTemplate::parse_node(const json& value, const std::string& path) {
  Node node;
  if (value.is_string()) {
    auto text = TextTemplate::parse(value.get_ref<const std::string&>());
    if (!text) return std::unexpected(text.error().with(path));
    node.text = *std::move(text);
  } else if (value.is_object()) {
    node.fixed = json::object();
    for (const auto& [name, member] : value.items()) {
      GEMINGA_TRY(Node child, parse_node(member, path + "." + name));
      child.name = name;
      node.members.push_back(std::move(child));
    }
  } else if (value.is_array()) {
    node.fixed = json::array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      GEMINGA_TRY(Node child, parse_node(value[i], fmt::format("{}[{}]", path, i)));
      node.elements.push_back(std::move(child));
    }
  } else {
    node.fixed = value;
  }
  return node;
}

std::optional<json> ParamsTemplate::fill_node(const Node& node, const GroupValue& value) {
  if (node.text) {
    auto text = node.text->fill(value);
    if (!text) return std::nullopt;
    return json(*std::move(text));
  }
  json out = node.fixed;
  for (const Node& member : node.members)
    if (auto filled = fill_node(member, value)) out[member.name] = *std::move(filled);
  for (const Node& element : node.elements)
    if (auto filled = fill_node(element, value)) out.push_back(*std::move(filled));
  const bool emptied = out.is_structured() && out.empty() && !(node.members.empty() && node.elements.empty());
  if (emptied) return std::nullopt;
  return out;
}

void ParamsTemplate::collect(const Node& node, std::vector<std::string>& groups) {
  if (node.text)
    for (std::string& name : node.text->groups()) groups.push_back(std::move(name));
  for (const Node& member : node.members) collect(member, groups);
  for (const Node& element : node.elements) collect(element, groups);
}

Result<ParamsTemplate> ParamsTemplate::parse(const json& params) {
  GEMINGA_TRY(Node root, parse_node(params, "params"));
  ParamsTemplate result;
  result.root_ = std::make_shared<const Node>(std::move(root));
  return result;
}

std::vector<std::string> ParamsTemplate::groups() const {
  std::vector<std::string> names;
  if (root_) collect(*root_, names);
  return names;
}

json ParamsTemplate::fill(const GroupValue& value) const {
  if (!root_) return json::object();
  return fill_node(*root_, value).value_or(json::object());
}

}  // namespace geminga::orchestrator
