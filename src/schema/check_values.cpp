// What a value is by itself: its type, and the rules for numbers and texts.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "schema/checker.hpp"
#include "schema/formats.hpp"
#include "schema/words.hpp"

namespace geminga::schema {
namespace {

using nlohmann::json;

constexpr std::size_t kCompareStep = 64;  // so many values that are compared cost one step

bool is_whole(const json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
}

/// Wide enough for every whole number that JSON is read as here, signed or not.
long double wide(const json& number) {
  return number.get<long double>();
}

bool is_multiple(const json& value, const json& step) {
  if (is_whole(value) && is_whole(step)) return std::fmod(wide(value), wide(step)) == 0;
  const double times = value.get<double>() / step.get<double>();
  return std::abs(times - std::round(times)) <= 1e-9 * std::max(1.0, std::abs(times));
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string name_of(const json& type) {
  return type.is_array() ? fmt::format("{}", fmt::join(type.get<std::vector<std::string>>(), " or "))
                         : type.get<std::string>();
}

std::size_t cost_of_comparing(const json& value) {
  return value.is_structured() ? weight(value) : 1;
}

}  // namespace

bool Checker::has_one_type(const json& type, const json& value) {
  const std::string_view name =
      type.is_string() ? std::string_view(type.get_ref<const std::string&>()) : std::string_view();
  if (name == "object") return value.is_object();
  if (name == "array") return value.is_array();
  if (name == "string") return value.is_string();
  if (name == "boolean") return value.is_boolean();
  if (name == "number") return value.is_number();
  if (name == "null") return value.is_null();
  if (name == "integer") return is_whole(value);
  unsure_ = true;  // no type of JSON
  return true;
}

bool Checker::has_type(const json& type, const json& value) {
  if (!type.is_array() || type.empty()) return has_one_type(type, value);
  if (!document_.spend(type.size() / kCompareStep)) return true;
  return std::ranges::any_of(type, [&](const json& one) { return has_one_type(one, value); });
}

bool Checker::check_itself(const json& schema, const json& value, const Place& place) {
  if (const auto type = schema.find("type"); type != schema.end() && !has_type(*type, value)) {
    refuse(place, value, "a value of type " + name_of(*type));
    return false;
  }
  if (const auto wanted = schema.find("const"); wanted != schema.end()) {
    if (!document_.spend(cost_of_comparing(value) / kCompareStep)) return false;
    if (*wanted != value) {
      refuse(place, value, shown(*wanted));
      return false;
    }
  }
  const json* choices = read(schema, "enum", &json::is_array);
  if (choices == nullptr) return true;
  if (!document_.spend(choices->size() * cost_of_comparing(value) / kCompareStep)) return false;
  if (std::ranges::find(*choices, value) != choices->end()) return true;
  refuse(place, value, "one of " + shown_list(*choices));
  return false;
}

void Checker::check_number(const json& schema, const json& value, const Place& place) {
  const auto bound = [&](const char* name) { return read(schema, name, &json::is_number); };
  if (const json* least = bound("minimum"); least != nullptr && wide(value) < wide(*least))
    refuse(place, value, "at least " + least->dump());
  if (const json* most = bound("maximum"); most != nullptr && wide(value) > wide(*most))
    refuse(place, value, "at most " + most->dump());
  if (const json* below = bound("exclusiveMinimum"); below != nullptr && wide(value) <= wide(*below))
    refuse(place, value, "more than " + below->dump());
  if (const json* above = bound("exclusiveMaximum"); above != nullptr && wide(value) >= wide(*above))
    refuse(place, value, "less than " + above->dump());
  const json* step = bound("multipleOf");
  if (step == nullptr) return;
  if (wide(*step) <= 0)
    unsure_ = true;
  else if (!is_multiple(value, *step))
    refuse(place, value, "a multiple of " + step->dump());
}

void Checker::check_text(const json& schema, const json& value, const Place& place) {
  if (!document_.spend(weight(value))) return;
  const auto& text = value.get_ref<const std::string&>();
  check_size(schema, value, place, characters(text), "minLength", "maxLength", "characters");
  if (const json* pattern = read(schema, "pattern", &json::is_string);
      pattern != nullptr && matches(pattern->get_ref<const std::string&>(), text) == Answer::no)
    refuse(place, value, "a text that matches " + shown(*pattern));
  if (!document_.formats_count()) return;
  if (const json* format = read(schema, "format", &json::is_string))
    if (const auto wanted = wanted_format(format->get_ref<const std::string&>(), text); !wanted.empty())
      refuse(place, value, wanted);
}

}  // namespace geminga::schema
