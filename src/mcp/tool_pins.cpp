#include "mcp/tool_pins.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "mcp/kept_file.hpp"
#include "mcp/oauth/crypto.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;

json to_json(const std::optional<bool>& flag) {
  return flag ? json(*flag) : json();
}

std::optional<bool> to_flag(const json& value) {
  return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

json to_json(const Tool& tool) {
  return {{"name", tool.name},
          {"title", tool.title},
          {"description", tool.description},
          {"inputSchema", tool.input_schema},
          {"outputSchema", tool.output_schema},
          {"readOnly", to_json(tool.annotations.read_only)},
          {"destructive", to_json(tool.annotations.destructive)},
          {"idempotent", to_json(tool.annotations.idempotent)},
          {"openWorld", to_json(tool.annotations.open_world)}};
}

// Throws what the JSON library throws where a member is missing.
Tool to_tool(const std::string& server, const json& value) {
  return {.server = server,
          .name = value.at("name"),
          .title = value.at("title"),
          .description = value.at("description"),
          .input_schema = value.at("inputSchema"),
          .output_schema = value.at("outputSchema"),
          .annotations = {.read_only = to_flag(value.at("readOnly")),
                          .destructive = to_flag(value.at("destructive")),
                          .idempotent = to_flag(value.at("idempotent")),
                          .open_world = to_flag(value.at("openWorld"))}};
}

json list_of(const std::vector<Tool>& tools) {
  json list = json::array();
  for (const Tool& tool : tools) list.push_back(to_json(tool));
  return list;
}

std::string changes(const Tool& before, const Tool& now) {
  std::vector<std::string_view> parts;
  if (before.title != now.title) parts.emplace_back("title");
  if (before.description != now.description) parts.emplace_back("description");
  if (before.input_schema != now.input_schema) parts.emplace_back("inputSchema");
  if (before.output_schema != now.output_schema) parts.emplace_back("outputSchema");
  if (before.annotations != now.annotations) parts.emplace_back("annotations");
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::string hash_of(const std::vector<Tool>& tools) {
  std::vector<Tool> sorted = tools;
  std::ranges::sort(sorted, {}, &Tool::name);
  return "sha256:" + oauth::base64url(oauth::sha256(wire::mcp::to_text(list_of(sorted))));
}

std::vector<std::string> differences(const std::vector<Tool>& before, const std::vector<Tool>& now) {
  std::vector<std::string> lines;
  auto old = before.begin();
  auto fresh = now.begin();
  while (old != before.end() || fresh != now.end()) {
    if (fresh == now.end() || (old != before.end() && old->name < fresh->name)) {
      lines.push_back(fmt::format("removed '{}'", (old++)->name));
    } else if (old == before.end() || fresh->name < old->name) {
      lines.push_back(fmt::format("added '{}'", (fresh++)->name));
    } else {
      if (const std::string parts = changes(*old, *fresh); !parts.empty())
        lines.push_back(fmt::format("changed '{}': {}", fresh->name, parts));
      ++old;
      ++fresh;
    }
  }
  return lines;
}

std::optional<std::vector<Tool>> ToolPins::load(const std::string& server) const {
  std::ifstream stream(file_, std::ios::binary);
  std::ostringstream text;
  if (file_.empty() || !stream || !(text << stream.rdbuf())) return std::nullopt;
  try {
    std::vector<Tool> tools;
    const json file = json::parse(text.view());
    for (const json& one : file.at("tools")) tools.push_back(to_tool(server, one));
    std::ranges::sort(tools, {}, &Tool::name);
    return tools;
  } catch (const json::exception& error) {
    log::warn("mcp", "{} cannot be read and is not used: {}", file_.native(), error.what());
    return std::nullopt;
  }
}

Result<> ToolPins::save(const std::vector<Tool>& tools, const std::string& hash) const {
  if (file_.empty()) return {};
  return keep_file(file_, json{{"hash", hash}, {"tools", list_of(tools)}}.dump(
                              2, ' ', true, json::error_handler_t::replace));
}

}  // namespace geminga::mcp
