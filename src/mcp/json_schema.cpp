// Reads a schema and refuses what the check (json_schema_check.cpp) could not be true to.
#include "mcp/json_schema.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/try.hpp"
#include "mcp/json_schema_document.hpp"
#include "net/http_path.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;

enum class Shape : std::uint8_t { schema, schemas, map_of_schemas, number, count, text, names, list, flag };

struct Keyword {
  std::string_view name;
  Shape shape;
};
constexpr std::array kKeywords{
    Keyword{"not", Shape::schema},
    Keyword{"if", Shape::schema},
    Keyword{"then", Shape::schema},
    Keyword{"else", Shape::schema},
    Keyword{"contains", Shape::schema},
    Keyword{"propertyNames", Shape::schema},
    Keyword{"additionalProperties", Shape::schema},
    Keyword{"additionalItems", Shape::schema},
    Keyword{"allOf", Shape::schemas},
    Keyword{"anyOf", Shape::schemas},
    Keyword{"oneOf", Shape::schemas},
    Keyword{"prefixItems", Shape::schemas},
    Keyword{"properties", Shape::map_of_schemas},
    Keyword{"patternProperties", Shape::map_of_schemas},
    Keyword{"dependentSchemas", Shape::map_of_schemas},
    Keyword{"$defs", Shape::map_of_schemas},
    Keyword{"definitions", Shape::map_of_schemas},
    Keyword{"minimum", Shape::number},
    Keyword{"maximum", Shape::number},
    Keyword{"exclusiveMinimum", Shape::number},
    Keyword{"exclusiveMaximum", Shape::number},
    Keyword{"multipleOf", Shape::number},
    Keyword{"minLength", Shape::count},
    Keyword{"maxLength", Shape::count},
    Keyword{"minItems", Shape::count},
    Keyword{"maxItems", Shape::count},
    Keyword{"minContains", Shape::count},
    Keyword{"maxContains", Shape::count},
    Keyword{"minProperties", Shape::count},
    Keyword{"maxProperties", Shape::count},
    Keyword{"pattern", Shape::text},
    Keyword{"$ref", Shape::text},
    Keyword{"required", Shape::names},
    Keyword{"enum", Shape::list},
    Keyword{"uniqueItems", Shape::flag},
};
// They demand something that the check does not see to.
constexpr std::array<std::string_view, 6> kNotChecked{"$dynamicRef",           "$recursiveRef",
                                                      "unevaluatedProperties", "unevaluatedItems",
                                                      "dependencies",          "$vocabulary"};
constexpr std::array<std::string_view, 7> kTypes{"null",   "boolean", "object", "array",
                                                 "number", "string",  "integer"};
constexpr std::array<std::string_view, 4> kDialects{
    "json-schema.org/draft/2020-12/schema", "json-schema.org/draft/2019-09/schema",
    "json-schema.org/draft-07/schema", "json-schema.org/draft-06/schema"};

bool is_type(const json& value) {
  return value.is_string() && std::ranges::find(kTypes, value.get_ref<const std::string&>()) != kTypes.end();
}

bool is_list_of_texts(const json& value) {
  return value.is_array() && std::ranges::all_of(value, [](const json& one) { return one.is_string(); });
}

// RE2 writes \u00e9 as \x{00e9}.
std::string to_re2(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escape = pattern[i] == '\\' && i + 1 < pattern.size();
    if (escape && pattern[i + 1] == 'u' && i + 5 < pattern.size() && pattern[i + 2] != '{') {
      out += fmt::format("\\x{{{}}}", pattern.substr(i + 2, 4));
      i += 5;
    } else {
      out += pattern[i];
      if (escape) out += pattern[++i];
    }
  }
  return out;
}

}  // namespace

class JsonSchemaReader {
 public:
  explicit JsonSchemaReader(JsonSchema::Document& document) : document_(document) {}

  Result<> read() {
    const json& root = document_.root;
    if (root.is_object() && root.contains("$schema")) {
      const std::string dialect = wire::mcp::string_member(root, "$schema");
      const bool known = std::ranges::any_of(
          kDialects, [&](std::string_view one) { return dialect.find(one) != std::string::npos; });
      if (!known) return bad("$schema", fmt::format("the dialect '{}' is not known here", dialect));
    }
    GEMINGA_TRY_VOID(schema(root, "#"));
    // References last: what they name must have been read as a schema, or is read now.
    for (std::size_t i = 0; i < to_read_.size(); ++i) {
      const auto [text, target] = to_read_[i];
      GEMINGA_TRY_VOID(schema(*target, text));
    }
    return {};
  }

 private:
  static std::unexpected<Error> bad(std::string_view place, std::string_view why) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", place, why));
  }

  Result<> schema(const json& node, const std::string& place) {
    if (node.is_boolean()) return {};
    if (!node.is_object()) return bad(place, "neither an object nor true nor false");
    for (const auto& [name, value] : node.items()) {
      const std::string here = place + "/" + name;
      if (std::ranges::find(kNotChecked, name) != kNotChecked.end())
        return bad(here, "this keyword is not checked here");
      const auto known = std::ranges::find(kKeywords, std::string_view(name), &Keyword::name);
      if (known != kKeywords.end()) {
        GEMINGA_TRY_VOID(shaped(value, known->shape, here));
      }
      GEMINGA_TRY_VOID(special(name, value, here));
    }
    return {};
  }

  Result<> shaped(const json& value, Shape shape, const std::string& here) {
    const auto unless = [&](bool right) -> Result<> {
      return right ? Result<>() : bad(here, "not what this keyword takes");
    };
    switch (shape) {
      case Shape::schema:
        return schema(value, here);
      case Shape::schemas:
        if (!value.is_array()) return bad(here, "not a list");
        for (std::size_t i = 0; i < value.size(); ++i) {
          GEMINGA_TRY_VOID(schema(value[i], fmt::format("{}/{}", here, i)));
        }
        return {};
      case Shape::map_of_schemas:
        if (!value.is_object()) return bad(here, "not an object");
        for (const auto& [name, one] : value.items()) {
          GEMINGA_TRY_VOID(schema(one, here + "/" + name));
        }
        return {};
      case Shape::number:
        return unless(value.is_number());
      case Shape::count:
        return unless(value.is_number_unsigned() || (value.is_number_float() && value.get<double>() >= 0));
      case Shape::text:
        return unless(value.is_string());
      case Shape::names:
        return unless(is_list_of_texts(value));
      case Shape::list:
        return unless(value.is_array());
      case Shape::flag:
        return unless(value.is_boolean());
    }
    return {};
  }

  // What has more than a shape.
  Result<> special(const std::string& name, const json& value, const std::string& here) {
    if (name == "type" && !is_type(value) && !(value.is_array() && std::ranges::all_of(value, is_type)))
      return bad(here, "no type of JSON");
    if (name == "items")  // a list of schemas up to draft 2019-09
      return shaped(value, value.is_array() ? Shape::schemas : Shape::schema, here);
    if (name == "pattern") return pattern(value.get_ref<const std::string&>(), here);
    if (name == "$ref") return reference(value.get_ref<const std::string&>(), here);
    if (name == "multipleOf" && value.get<double>() <= 0) return bad(here, "not greater than 0");
    if (name == "patternProperties") {
      for (const auto& [one, ignored] : value.items()) {
        GEMINGA_TRY_VOID(pattern(one, here));
      }
    }
    if (name == "dependentRequired" && !(value.is_object() && std::ranges::all_of(value, is_list_of_texts)))
      return bad(here, "not an object with lists of names");
    return {};
  }

  Result<> pattern(const std::string& text, const std::string& here) {
    if (document_.patterns.contains(text)) return {};
    auto compiled = std::make_unique<re2::RE2>(to_re2(text), re2::RE2::Quiet);
    if (!compiled->ok())
      return bad(here, fmt::format("the pattern '{}' cannot be used here: {}", text, compiled->error()));
    document_.patterns.emplace(text, std::move(compiled));
    return {};
  }

  Result<> reference(const std::string& text, const std::string& here) {
    if (document_.references.contains(text)) return {};
    const json* target = find(text);
    if (target == nullptr)
      return bad(here, fmt::format("'{}' is not in this document, and no other is fetched", text));
    document_.references.emplace(text, target);
    to_read_.emplace_back(text, target);
    return {};
  }

  [[nodiscard]] const json* find(std::string_view text) const {
    const json& root = document_.root;
    const std::string id = wire::mcp::string_member(root, "$id");
    if (!id.empty() && text.starts_with(id)) text.remove_prefix(id.size());
    if (text.empty() || text == "#") return &root;
    if (!text.starts_with('#')) return nullptr;
    const auto fragment = net::percent_decode(text.substr(1));
    if (!fragment) return nullptr;
    if (!fragment->starts_with('/')) return anchor(root, *fragment);
    try {
      return &root.at(json::json_pointer(*fragment));
    } catch (const json::exception&) {
      return nullptr;
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the text was, which is bounded
  static const json* anchor(const json& node, const std::string& name) {
    if (wire::mcp::string_member(node, "$anchor") == name) return &node;
    if (!node.is_structured()) return nullptr;
    for (const json& below : node) {
      if (const json* found = anchor(below, name); found != nullptr) return found;
    }
    return nullptr;
  }

  JsonSchema::Document& document_;
  std::vector<std::pair<std::string, const json*>> to_read_;
};

Result<JsonSchema> JsonSchema::parse(std::string_view text) {
  auto root = wire::mcp::parse_json(text);
  if (!root) return fail(ErrorCode::invalid_argument, root.error().message);
  auto document = std::make_shared<Document>(Document{.root = *std::move(root)});
  GEMINGA_TRY_VOID(JsonSchemaReader(*document).read());
  return JsonSchema(std::move(document));
}

}  // namespace geminga::mcp
