#include "wire/mcp/param_headers.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/try.hpp"

namespace geminga::wire::mcp {
namespace {

using nlohmann::json;

constexpr const char* kMark = "x-mcp-header";
constexpr std::string_view kBase64Begin = "=?base64?";
constexpr std::string_view kBase64End = "?=";
// Their values are data, not schemas.
constexpr std::array<std::string_view, 5> kData{"const", "enum", "default", "example", "examples"};

bool is_token(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

bool is_primitive(const json& schema) {
  const auto type = schema.find("type");
  return type != schema.end() && (*type == "string" || *type == "integer" || *type == "boolean");
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

class Scan {
 public:
  // `path` is nullptr where the arguments have no fixed place for it.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the JSON is, which is bounded
  Result<> schema(const json& node, const std::vector<std::string>* path) {
    if (node.is_array()) {
      for (const json& one : node) {
        GEMINGA_TRY_VOID(schema(one, nullptr));
      }
    }
    if (!node.is_object()) return {};
    if (const auto mark = node.find(kMark); mark != node.end()) {
      GEMINGA_TRY_VOID(take(node, *mark, path));
    }
    for (const auto& [key, value] : node.items()) {
      if (std::ranges::find(kData, key) != kData.end()) continue;
      const bool named = key == "properties" || key == "patternProperties" || key == "$defs" ||
                         key == "definitions" || key == "dependentSchemas";
      if (!named || !value.is_object()) {
        GEMINGA_TRY_VOID(schema(value, nullptr));
        continue;
      }
      for (const auto& [name, one] : value.items()) {
        std::vector<std::string> below = path == nullptr ? std::vector<std::string>() : *path;
        below.push_back(name);
        GEMINGA_TRY_VOID(schema(one, key == "properties" && path != nullptr ? &below : nullptr));
      }
    }
    return {};
  }

  std::vector<HeaderParam> found;

 private:
  Result<> take(const json& node, const json& mark, const std::vector<std::string>* path) {
    const auto bad = [&](std::string_view why) {
      return fail(
          ErrorCode::protocol_error,
          fmt::format("{} '{}' {}", kMark, mark.is_string() ? mark.get<std::string>() : mark.dump(), why));
    };
    if (path == nullptr || path->empty()) return bad("stands where no single argument is meant");
    if (!mark.is_string() || !is_token(mark.get_ref<const std::string&>()))
      return bad("is no name of a header");
    if (!is_primitive(node)) return bad("is on neither a string nor an integer nor a boolean");
    if (!names_.insert(lower(mark.get<std::string>())).second) return bad("is there twice");
    found.push_back({.path = *path, .header = "Mcp-Param-" + mark.get<std::string>()});
    return {};
  }

  std::set<std::string> names_;
};

}  // namespace

Result<std::vector<HeaderParam>> header_params(const json& input_schema) {
  Scan scan;
  const std::vector<std::string> root;
  GEMINGA_TRY_VOID(scan.schema(input_schema, &root));
  return std::move(scan.found);
}

std::vector<std::pair<std::string, std::string>> param_headers(const std::vector<HeaderParam>& params,
                                                               const json& arguments) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const HeaderParam& param : params) {
    const json* value = &arguments;
    for (const std::string& name : param.path) {
      const auto below = value->is_object() ? value->find(name) : value->end();
      value = value->is_object() && below != value->end() ? &*below : nullptr;
      if (value == nullptr) break;
    }
    if (value == nullptr) continue;
    if (value->is_string()) {
      headers.emplace_back(param.header, header_value(value->get_ref<const std::string&>()));
    } else if (value->is_boolean() || value->is_number()) {
      headers.emplace_back(param.header, value->dump());
    }
  }
  return headers;
}

std::string header_value(std::string_view text) {
  const auto plain = [](char c) { return c >= 0x20 && c <= 0x7E; };
  const bool blank_at_an_end = text.starts_with(' ') || text.ends_with(' ');
  const bool looks_encoded = text.starts_with(kBase64Begin) && text.ends_with(kBase64End);
  if (std::ranges::all_of(text, plain) && !blank_at_an_end && !looks_encoded) return std::string(text);
  return fmt::format("{}{}{}", kBase64Begin, base::to_base64(text), kBase64End);
}

}  // namespace geminga::wire::mcp
