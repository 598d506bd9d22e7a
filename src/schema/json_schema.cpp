#include "schema/json_schema.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <re2/re2.h>

#include "schema/formats.hpp"

namespace geminga::schema {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 64;
constexpr int kStepsMax = 20'000;  // schemas looked at, for one value
constexpr std::size_t kMisfitsMax = 20;
constexpr std::size_t kShownMax = 60;
constexpr std::size_t kPatternMax = 4'096;

const json* member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= kShownMax) return text;
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

std::string found(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("a list of {}", value.size());
  if (value.is_string()) return "the text " + shown(value);
  if (value.is_number()) return "the number " + shown(value);
  return shown(value);
}

bool has_type(const json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "number") return value.is_number();
  if (type == "null") return value.is_null();
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
  return true;
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// A bound that is a number; the others do not count.
const json* bound(const json& schema, const char* name) {
  const json* value = member(schema, name);
  return value != nullptr && value->is_number() ? value : nullptr;
}

class Checker {
 public:
  explicit Checker(const json& root) : root_(root) {}

  void check(const json& schema, const json& value, const std::string& path, int depth) {
    if (schema.is_boolean() && !schema.get<bool>()) return refuse(path, value, "nothing at all");
    if (!schema.is_object() || depth > kDepthMax || ++steps_ > kStepsMax || misfits_.size() >= kMisfitsMax)
      return;
    if (const json* reference = member(schema, "$ref"))
      if (const json* target = resolve(*reference)) check(*target, value, path, depth + 1);
    if (!check_itself(schema, value, path)) return;
    if (value.is_number()) check_number(schema, value, path);
    if (value.is_string()) check_text(schema, value, path);
    if (value.is_array()) check_array(schema, value, path, depth);
    if (value.is_object()) check_object(schema, value, path, depth);
    check_branches(schema, value, path, depth);
  }

  std::vector<Misfit> take() { return std::move(misfits_); }

 private:
  void refuse(const std::string& path, const json& value, std::string_view wanted) {
    misfits_.push_back({.path = path, .why = fmt::format("found {}, expected {}", found(value), wanted)});
  }

  /// Only within the document: nothing is ever fetched.
  [[nodiscard]] const json* resolve(const json& reference) const {
    if (!reference.is_string()) return nullptr;
    const auto& text = reference.get_ref<const std::string&>();
    if (!text.starts_with('#')) return nullptr;
    try {
      const json::json_pointer pointer(text.substr(1));
      return root_.contains(pointer) ? &root_.at(pointer) : nullptr;
    } catch (const json::exception&) {
      return nullptr;
    }
  }

  [[nodiscard]] bool fits(const json& schema, const json& value, int depth) {
    Checker inner(root_);
    inner.steps_ = steps_;
    inner.check(schema, value, "", depth);
    steps_ = inner.steps_;
    return inner.misfits_.empty();
  }

  /// Type, enum and const. False: there is no use in looking further.
  bool check_itself(const json& schema, const json& value, const std::string& path) {
    if (const json* type = member(schema, "type")) {
      std::vector<std::string> types;
      for (const json& one : type->is_array() ? *type : json::array({*type}))
        if (one.is_string()) types.push_back(one.get<std::string>());
      const bool has =
          types.empty() || std::ranges::any_of(types, [&](const auto& t) { return has_type(value, t); });
      if (!has) {
        refuse(path, value, fmt::format("a value of type {}", fmt::join(types, " or ")));
        return false;
      }
    }
    if (const json* wanted = member(schema, "const"); wanted != nullptr && *wanted != value) {
      refuse(path, value, shown(*wanted));
      return false;
    }
    const json* choices = member(schema, "enum");
    if (choices == nullptr || !choices->is_array() || std::ranges::find(*choices, value) != choices->end())
      return true;
    std::vector<std::string> names;
    for (const json& choice : *choices) names.push_back(shown(choice));
    if (names.size() > 10) names.resize(10);
    refuse(path, value,
           fmt::format("one of {}{}", fmt::join(names, ", "), choices->size() > 10 ? ", ..." : ""));
    return false;
  }

  void check_number(const json& schema, const json& value, const std::string& path) {
    if (const json* least = bound(schema, "minimum"); least != nullptr && value < *least)
      refuse(path, value, "at least " + least->dump());
    if (const json* most = bound(schema, "maximum"); most != nullptr && value > *most)
      refuse(path, value, "at most " + most->dump());
    if (const json* below = bound(schema, "exclusiveMinimum"); below != nullptr && value <= *below)
      refuse(path, value, "more than " + below->dump());
    if (const json* above = bound(schema, "exclusiveMaximum"); above != nullptr && value >= *above)
      refuse(path, value, "less than " + above->dump());
    if (const json* step = bound(schema, "multipleOf"); step != nullptr && step->get<double>() > 0) {
      const double times = value.get<double>() / step->get<double>();
      if (std::abs(times - std::round(times)) > 1e-9 * std::max(1.0, std::abs(times)))
        refuse(path, value, "a multiple of " + step->dump());
    }
  }

  void check_size(const json& schema, const json& value, const std::string& path, std::size_t size,
                  const char* least_name, const char* most_name, std::string_view unit) {
    if (const json* least = bound(schema, least_name);
        least != nullptr && static_cast<double>(size) < least->get<double>())
      refuse(path, value, fmt::format("at least {} {}", least->dump(), unit));
    if (const json* most = bound(schema, most_name);
        most != nullptr && static_cast<double>(size) > most->get<double>())
      refuse(path, value, fmt::format("at most {} {}", most->dump(), unit));
  }

  void check_text(const json& schema, const json& value, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    check_size(schema, value, path, characters(text), "minLength", "maxLength", "characters");
    if (const json* pattern = member(schema, "pattern");
        pattern != nullptr && pattern->is_string() &&
        !matches(pattern->get_ref<const std::string&>(), text, true))
      refuse(path, value, "a text that matches " + shown(*pattern));
    if (const json* format = member(schema, "format"); format != nullptr && format->is_string())
      if (const auto wanted = wanted_format(format->get_ref<const std::string&>(), text); !wanted.empty())
        refuse(path, value, wanted);
  }

  static bool matches(const std::string& pattern, const std::string& text, bool otherwise) {
    if (pattern.size() > kPatternMax) return otherwise;
    RE2::Options options;
    options.set_log_errors(false);
    const RE2 compiled(pattern, options);
    return compiled.ok() ? RE2::PartialMatch(text, compiled) : otherwise;
  }

  void check_array(const json& schema, const json& value, const std::string& path, int depth) {
    check_size(schema, value, path, value.size(), "minItems", "maxItems", "elements");
    std::size_t first = 0;
    if (const json* prefix = member(schema, "prefixItems"); prefix != nullptr && prefix->is_array())
      for (; first < std::min(prefix->size(), value.size()); ++first)
        check((*prefix)[first], value[first], fmt::format("{}[{}]", path, first), depth + 1);
    if (const json* items = member(schema, "items"))
      for (std::size_t i = first; i < value.size(); ++i)
        check(*items, value[i], fmt::format("{}[{}]", path, i), depth + 1);
    if (const json* unique = member(schema, "uniqueItems"); unique != nullptr && *unique == true)
      if (std::set<json>(value.begin(), value.end()).size() != value.size())
        refuse(path, value, "no element twice");
  }

  static std::string inside(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }

  void check_object(const json& schema, const json& value, const std::string& path, int depth) {
    check_size(schema, value, path, value.size(), "minProperties", "maxProperties", "members");
    if (const json* required = member(schema, "required"); required != nullptr && required->is_array())
      for (const json& name : *required)
        if (name.is_string() && !value.contains(name.get_ref<const std::string&>()))
          misfits_.push_back(
              {.path = inside(path, name.get<std::string>()), .why = "it is required", .missing = true});
    const json* properties = member(schema, "properties");
    const json* patterns = member(schema, "patternProperties");
    const json* others = member(schema, "additionalProperties");
    for (const auto& [name, inner] : value.items()) {
      bool known = false;
      if (properties != nullptr && properties->is_object() && properties->contains(name)) {
        known = true;
        check((*properties)[name], inner, inside(path, name), depth + 1);
      }
      if (patterns != nullptr && patterns->is_object())
        for (const auto& [pattern, rule] : patterns->items())
          if (matches(pattern, name, false)) {
            known = true;
            check(rule, inner, inside(path, name), depth + 1);
          }
      if (known || others == nullptr) continue;
      if (*others == false)
        misfits_.push_back({.path = inside(path, name), .why = "the tool knows no such argument"});
      else
        check(*others, inner, inside(path, name), depth + 1);
    }
  }

  void check_branches(const json& schema, const json& value, const std::string& path, int depth) {
    if (const json* all = member(schema, "allOf"); all != nullptr && all->is_array())
      for (const json& one : *all) check(one, value, path, depth + 1);
    check_choice(schema, "anyOf", value, path, depth);
    check_choice(schema, "oneOf", value, path, depth);
    if (const json* banned = member(schema, "not"); banned != nullptr && fits(*banned, value, depth + 1))
      refuse(path, value, "anything but that");
    if (const json* condition = member(schema, "if"))
      if (const json* then = member(schema, fits(*condition, value, depth + 1) ? "then" : "else"))
        check(*then, value, path, depth + 1);
  }

  void check_choice(const json& schema, const char* keyword, const json& value, const std::string& path,
                    int depth) {
    const json* choices = member(schema, keyword);
    if (choices == nullptr || !choices->is_array() || choices->empty()) return;
    if (choices->size() == 1) return check(choices->front(), value, path, depth + 1);
    std::size_t fitting = 0;
    for (const json& choice : *choices) fitting += fits(choice, value, depth + 1) ? 1 : 0;
    if (fitting == 0) refuse(path, value, fmt::format("what one of {} schemas describes", choices->size()));
    if (fitting > 1 && std::string_view(keyword) == "oneOf")
      refuse(path, value, fmt::format("what exactly one of {} schemas describes", choices->size()));
  }

  const json& root_;
  std::vector<Misfit> misfits_;
  int steps_ = 0;
};

}  // namespace

std::vector<Misfit> misfits(const json& schema, const json& value) {
  Checker checker(schema);
  checker.check(schema, value, "", 0);
  return checker.take();
}

}  // namespace geminga::schema
