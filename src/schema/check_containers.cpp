// Lists and objects: how many there are, and what stands in them.
#include <algorithm>

#include <fmt/format.h>

#include "schema/checker.hpp"

namespace geminga::schema {
namespace {

using nlohmann::json;

constexpr std::size_t kSortStep = 2;    // so many values that are sorted cost one step
constexpr std::size_t kLookUpStep = 8;  // so many names that are looked up cost one step

const json* member(const json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

void Checker::check_array(const json& schema, const json& value, const Place& place) {
  check_size(schema, value, place, value.size(), "minItems", "maxItems", "elements");
  if (const json* unique = read(schema, "uniqueItems", &json::is_boolean);
      unique != nullptr && unique->get<bool>())
    check_unique(value, place);
  const json* first = read(schema, "prefixItems", &json::is_array);
  const json* items = member(schema, "items");
  if (items != nullptr && items->is_array()) {  // up to draft 2019-09
    first = items;
    items = member(schema, "additionalItems");
  }
  for (std::size_t i = 0; i < value.size() && !done(); ++i) {
    const json* rule = first != nullptr && i < first->size() ? &(*first)[i] : items;
    if (rule == nullptr) break;
    check(*rule, value[i], place.element(i));
  }
  check_contained(schema, value, place);
  if (schema.contains("unevaluatedItems")) unsure_ = true;
}

void Checker::check_unique(const json& value, const Place& place) {
  if (!document_.spend(weight(value) / kSortStep)) return;
  std::vector<const json*> sorted;
  sorted.reserve(value.size());
  for (const json& one : value) sorted.push_back(&one);
  std::ranges::sort(sorted, [](const json* a, const json* b) { return *a < *b; });
  if (std::ranges::adjacent_find(sorted, [](const json* a, const json* b) { return *a == *b; }) !=
      sorted.end())
    refuse(place, value, "no element twice");
}

void Checker::check_contained(const json& schema, const json& value, const Place& place) {
  const json* contained = member(schema, "contains");
  if (contained == nullptr) return;
  std::size_t fitting = 0;
  std::size_t unknown = 0;
  for (const json& one : value) {
    if (done()) return;
    const Answer answer = fits(*contained, one);
    fitting += answer == Answer::yes ? 1 : 0;
    unknown += answer == Answer::unknown ? 1 : 0;
  }
  const auto bound = [&](const char* name, double otherwise) {
    const json* count = read(schema, name, &json::is_number);
    return count == nullptr ? otherwise : count->get<double>();
  };
  const double least = bound("minContains", 1);
  const double most = bound("maxContains", static_cast<double>(value.size()));
  if (static_cast<double>(fitting + unknown) < least)
    refuse(place, value, fmt::format("at least {} elements that fit 'contains'", least));
  else if (static_cast<double>(fitting) > most)
    refuse(place, value, fmt::format("at most {} elements that fit 'contains'", most));
  else if (unknown > 0)
    unsure_ = true;
}

void Checker::check_object(const json& schema, const json& value, const Place& place) {
  check_size(schema, value, place, value.size(), "minProperties", "maxProperties", "members");
  if (const json* names = read(schema, "required", &json::is_array)) check_required(*names, value, place);
  check_dependents(schema, value, place);
  check_members(schema, value, place);
  if (schema.contains("unevaluatedProperties")) unsure_ = true;
}

void Checker::check_required(const json& names, const json& value, const Place& place) {
  if (!document_.spend(names.size() / kLookUpStep)) return;
  for (const json& name : names) {
    if (!name.is_string())
      unsure_ = true;
    else if (const auto& text = name.get_ref<const std::string&>(); !value.contains(text))
      refuse_missing(place.member(text));
  }
}

/// Up to draft-07 one keyword was what are two since.
void Checker::check_dependents(const json& schema, const json& value, const Place& place) {
  for (const char* keyword : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const json* rules = read(schema, keyword, &json::is_object);
    if (rules == nullptr || !document_.spend(rules->size() / kLookUpStep)) continue;
    for (const auto& [name, rule] : rules->items()) {
      if (!value.contains(name)) continue;
      if (rule.is_array())
        check_required(rule, value, place);
      else
        check(rule, value, place);
    }
  }
}

void Checker::check_members(const json& schema, const json& value, const Place& place) {
  const json* names = member(schema, "propertyNames");
  const json* properties = read(schema, "properties", &json::is_object);
  const json* patterns = read(schema, "patternProperties", &json::is_object);
  const json* others = member(schema, "additionalProperties");
  for (const auto& [name, inner] : value.items()) {
    if (done()) return;
    const Place here = place.member(name);
    if (names != nullptr) check(*names, json(name), here);
    const json* rule = properties == nullptr ? nullptr : member(*properties, name);
    bool known = rule != nullptr;
    if (rule != nullptr) check(*rule, inner, here);
    if (patterns != nullptr)
      for (const auto& [pattern, pattern_rule] : patterns->items()) {
        const Answer answer = matches(pattern, name);
        known = known || answer != Answer::no;
        if (answer == Answer::yes) check(pattern_rule, inner, here);
      }
    if (known || others == nullptr) continue;
    if (*others == false)
      refuse(here, inner, "nothing of that name");
    else
      check(*others, inner, here);
  }
}

}  // namespace geminga::schema
