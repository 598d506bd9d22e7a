#include "orchestrator/matching/arguments.hpp"

#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "orchestrator/matching/ascii.hpp"
#include "orchestrator/matching/json_member.hpp"
#include "schema/json_schema.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 16;

const json* property_schema(const json& schema, std::string_view name) {
  const json* properties = member(schema, "properties");
  return properties == nullptr ? nullptr : member(*properties, name);
}

/// True where the schema's type is `type`, or a list of types with it and without "string".
bool wants(const json& schema, std::string_view type) {
  const json* wanted = member(schema, "type");
  if (wanted == nullptr) return false;
  if (!wanted->is_array()) return *wanted == type;
  bool found = false;
  for (const json& one : *wanted) {
    if (one == "string") return false;
    found = found || one == type;
  }
  return found;
}

template <class Number>
bool reads_whole(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<json> converted(const json& schema, const std::string& text) {
  const bool any_number = wants(schema, "number");
  if (any_number || wants(schema, "integer"))
    if (auto number = number_of(text); number && (any_number || number->is_number_integer())) return number;
  if (wants(schema, "boolean")) {
    if (text == "true" || text == "yes" || text == "on") return json(true);
    if (text == "false" || text == "no" || text == "off") return json(false);
  }
  return std::nullopt;
}

void fit(const json& schema, json& value, int depth) {
  if (depth > kDepthMax) return;
  if (value.is_string()) {
    if (auto fitting = converted(schema, value.get_ref<const std::string&>())) value = *std::move(fitting);
  } else if (value.is_object()) {
    for (auto& [name, inner] : value.items())
      if (const json* inner_schema = property_schema(schema, name)) fit(*inner_schema, inner, depth + 1);
  } else if (const json* items = member(schema, "items"); value.is_array() && items != nullptr) {
    for (json& element : value) fit(*items, element, depth + 1);
  }
}

}  // namespace

std::vector<std::string> missing_arguments(const json& schema, const json& params) {
  std::vector<std::string> missing;
  for (schema::Misfit& misfit : schema::misfits(schema, params))
    if (misfit.missing) missing.push_back(std::move(misfit.path));
  return missing;
}

std::vector<RefusedArgument> refused_arguments(const json& schema, const json& params) {
  std::vector<RefusedArgument> refused;
  for (schema::Misfit& misfit : schema::misfits(schema, params))
    if (!misfit.missing)
      refused.push_back({.name = misfit.path.empty() ? std::string(kAllArguments) : std::move(misfit.path),
                         .why = std::move(misfit.why)});
  return refused;
}

std::optional<json> number_of(std::string_view text) {
  std::int64_t whole = 0;
  if (reads_whole(text, whole)) return json(whole);
  std::uint64_t large = 0;
  if (reads_whole(text, large)) return json(large);
  // Digits beyond 64 bits would lose their end, and those beyond a double all of it.
  if (only_digits(text.substr(text.starts_with('-') ? 1 : 0))) return std::nullopt;
  double number = 0;
  if (!reads_whole(text, number) || !std::isfinite(number)) return std::nullopt;
  return json(number);
}

void fit_types(const json& schema, json& params) {
  fit(schema, params, 0);
}

}  // namespace geminga::orchestrator
