#include "schema/json_schema.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <re2/re2.h>

#include "schema/checker.hpp"
#include "schema/words.hpp"

namespace geminga::schema {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 500;  // schemas in schemas
constexpr std::size_t kMisfitsMax = 20;
// Schemas looked at, for one value: as many as an honest schema takes, and the larger the value the more.
constexpr std::size_t kStepsMin = 20'000;
constexpr std::size_t kStepsOfWeight = 50;
constexpr std::size_t kStepsMax = 1'000'000;
constexpr std::size_t kTextStep = 64;  // so many bytes of a text that is searched cost one step

}  // namespace

std::vector<Misfit> misfits(const json& schema, const json& value, Formats formats) {
  Document document(schema, std::min(kStepsMin + kStepsOfWeight * weight(value), kStepsMax), formats);
  Checker checker(document, kMisfitsMax);
  checker.check(schema, value, Place{});
  return checker.take();
}

std::string Place::text() const {
  if (above == nullptr) return {};
  std::string path = above->text();
  if (is_element) return path + fmt::format("[{}]", index);
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

void Checker::check(const json& schema, const json& value, const Place& place) {
  if (done()) return;
  if (schema.is_boolean()) {
    if (!schema.get<bool>()) refuse(place, value, "nothing at all");
    return;
  }
  if (!schema.is_object() || depth_ >= kDepthMax) {
    unsure_ = true;
    return;
  }
  if (!document_.spend(1)) return;
  ++depth_;
  follow_reference(schema, value, place);
  if (check_itself(schema, value, place)) {
    if (value.is_number()) check_number(schema, value, place);
    if (value.is_string()) check_text(schema, value, place);
    if (value.is_array()) check_array(schema, value, place);
    if (value.is_object()) check_object(schema, value, place);
    check_branches(schema, value, place);
  }
  --depth_;
}

bool Checker::done() const {
  return document_.spent() || misfits_.size() >= misfits_max_;
}

void Checker::refuse(const Place& place, const json& value, std::string_view wanted) {
  if (misfits_.size() >= misfits_max_) return;
  misfits_.push_back(
      {.path = place.text(), .why = fmt::format("found {}, expected {}", found(value), wanted)});
}

void Checker::refuse_missing(const Place& place) {
  if (misfits_.size() >= misfits_max_) return;
  misfits_.push_back({.path = place.text(), .why = "found nothing, expected a value", .missing = true});
}

/// A keyword that has the shape it should have; the others do not count.
const json* Checker::read(const json& schema, const char* name, Shape shape) {
  const auto keyword = schema.find(name);
  if (keyword == schema.end()) return nullptr;
  if (((*keyword).*shape)()) return &*keyword;
  unsure_ = true;
  return nullptr;
}

/// A look aside: nothing of it is named.
Checker::Answer Checker::fits(const json& schema, const json& value) {
  Checker aside(document_, 1, depth_);
  aside.check(schema, value, Place{});
  if (!aside.misfits_.empty()) return Answer::no;
  return aside.unsure_ || document_.spent() ? Answer::unknown : Answer::yes;
}

Checker::Answer Checker::matches(const std::string& pattern, const std::string& text) {
  const re2::RE2* compiled =
      document_.spend(1 + text.size() / kTextStep) ? document_.pattern(pattern) : nullptr;
  if (compiled != nullptr) return re2::RE2::PartialMatch(text, *compiled) ? Answer::yes : Answer::no;
  unsure_ = true;
  return Answer::unknown;
}

void Checker::follow_reference(const json& schema, const json& value, const Place& place) {
  if (schema.contains("$dynamicRef") || schema.contains("$recursiveRef")) unsure_ = true;
  const json* reference = read(schema, "$ref", &json::is_string);
  if (reference == nullptr) return;
  if (const json* target = document_.find(reference->get_ref<const std::string&>()))
    check(*target, value, place);
  else
    unsure_ = true;
}

void Checker::check_size(const json& schema, const json& value, const Place& place, std::size_t size,
                         const char* least_name, const char* most_name, std::string_view unit) {
  if (const json* least = read(schema, least_name, &json::is_number);
      least != nullptr && static_cast<double>(size) < least->get<double>())
    refuse(place, value, fmt::format("at least {} {}", least->dump(), unit));
  if (const json* most = read(schema, most_name, &json::is_number);
      most != nullptr && static_cast<double>(size) > most->get<double>())
    refuse(place, value, fmt::format("at most {} {}", most->dump(), unit));
}

}  // namespace geminga::schema
