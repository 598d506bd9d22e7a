#include "orchestrator/events/schema_check.hpp"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr std::size_t kDepthMax = 256;
constexpr std::size_t kShownBytesMax = 60;

std::size_t depth_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

/// At most kShownBytesMax of it, cut between characters.
std::string shown(std::string text) {
  if (text.size() <= kShownBytesMax) return text;
  std::size_t end = kShownBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

std::string describe(const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return fmt::format("an array of {}", value.size());
    case json::value_t::null:
      return "null";
    case json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case json::value_t::string:
      return "the string " + shown(json(value.get_ref<const std::string&>().substr(0, 2 * kShownBytesMax))
                                       .dump(-1, ' ', false, json::error_handler_t::replace));
    default:
      return "the number " + shown(value.dump());
  }
}

bool is_whole_number(const json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

bool has_type(const json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "number") return value.is_number();
  if (type == "integer") return is_whole_number(value);
  return type == "null" && value.is_null();
}

/// What stands wrong with a value by itself, without its members: the expectation, or empty.
std::string expected(const json& schema, const json& value) {
  for (const auto& [keyword, rule] : schema.items()) {
    if (keyword == "type" && !has_type(value, rule.get_ref<const std::string&>()))
      return fmt::format("a value of type {}", rule.get<std::string>());
    if (keyword == "const" && value != rule) return rule.dump();
    if (keyword == "enum" && std::find(rule.begin(), rule.end(), value) == rule.end()) {
      std::vector<std::string> names;
      names.reserve(rule.size());
      for (const json& name : rule) names.push_back(name.dump());
      return fmt::format("one of {}", fmt::join(names, ", "));
    }
    if (keyword == "minimum" && value.is_number() && value < rule)
      return fmt::format("at least {}", rule.dump());
    if (keyword == "maximum" && value.is_number() && value > rule)
      return fmt::format("at most {}", rule.dump());
    if (keyword == "minLength" && value.is_string() &&
        value.get_ref<const std::string&>().size() < rule.get<std::size_t>())
      return "a string that is not empty";
    if (keyword == "format" && value.is_string() && !base::parse_iso8601(value.get_ref<const std::string&>()))
      return "an ISO 8601 time like 2026-11-21T20:15:03.123Z";
  }
  return {};
}

/// Where a value stands, as a chain to the outermost one: text is made of it only where something is wrong.
struct Place {
  const Place* around = nullptr;
  std::string_view name;  ///< empty: the outermost value, or an item
  std::size_t item = 0;
};

std::string text_of(const Place& place) {
  if (place.around == nullptr) return {};
  auto text = text_of(*place.around);
  if (place.name.empty()) return fmt::format("{}[{}]", text, place.item);
  return text.empty() ? std::string(place.name) : fmt::format("{}.{}", text, place.name);
}

std::unexpected<Error> misfit(const Place& place, std::string_view found, std::string_view wanted) {
  const auto path = text_of(place);
  return fail(ErrorCode::schema_mismatch,
              fmt::format("{}: found {}, expected {}", path.empty() ? "the event" : path, found, wanted));
}

Result<> check(const json& schema, const json& value, const Place& place);

Result<> check_members(const json& schema, const json& value, const Place& place) {
  const auto properties = schema.find("properties");
  if (const auto required = schema.find("required"); required != schema.end()) {
    for (const json& name : *required) {
      const auto& text = name.get_ref<const std::string&>();
      if (value.contains(text)) continue;
      const std::string type = properties->at(text).value("type", std::string("string"));
      return misfit({.around = &place, .name = text}, "nothing", fmt::format("a member of type {}", type));
    }
  }
  if (properties == schema.end()) return {};
  for (const auto& [name, rule] : properties->items()) {
    const auto member = value.find(name);
    if (member == value.end()) continue;
    if (auto checked = check(rule, *member, {.around = &place, .name = name}); !checked) return checked;
  }
  return {};
}

Result<> check(const json& schema, const json& value, const Place& place) {
  if (const std::string wanted = expected(schema, value); !wanted.empty())
    return misfit(place, describe(value), wanted);
  if (value.is_object()) return check_members(schema, value, place);
  const auto items = schema.find("items");
  if (!value.is_array() || items == schema.end()) return {};
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (auto checked = check(*items, value[i], {.around = &place, .item = i}); !checked) return checked;
  }
  return {};
}

/// The library's text without its own prefix "[json.exception.parse_error.101] ".
std::string reason_of(const json::exception& error) {
  const std::string_view text = error.what();
  const std::size_t end = text.find("] ");
  return shown(std::string(end == std::string_view::npos ? text : text.substr(end + 2)));
}

}  // namespace

Result<json> parse_json(std::string_view text) {
  if (depth_of(text) > kDepthMax)
    return fail(ErrorCode::schema_mismatch, fmt::format("JSON nested deeper than {}", kDepthMax));
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    return fail(ErrorCode::schema_mismatch, "no valid JSON: " + reason_of(error));
  }
}

Result<> check_schema(const json& schema, const json& value, std::string_view name) {
  auto checked = check(schema, value, Place{});
  if (!checked) return std::unexpected(checked.error().with(name));
  return {};
}

}  // namespace geminga::orchestrator
