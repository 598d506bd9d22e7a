#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.hpp"
#include "mcp/json_schema.hpp"
#include "mcp/json_schema_document.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;

constexpr std::size_t kStepsMax = 1'000'000;  // subschemas looked at for one value
constexpr std::size_t kDepthMax = 500;
constexpr std::size_t kShownMax = 60;
constexpr std::size_t kShownListMax = 100;
constexpr std::size_t kTextStep = 256;  // so many bytes of a text cost one more step
constexpr std::size_t kListStep = 64;   // so many values of 'enum' cost one more step
constexpr double kCountMax = 1e15;

std::string shown(const json& value) {
  std::string text = wire::mcp::to_text(
      value.is_string() ? json(value.get_ref<const std::string&>().substr(0, kShownMax)) : value);
  if (text.size() <= kShownMax) return text;
  text.resize(kShownMax);
  return wire::mcp::replace_invalid_utf8(text) + "...";
}

std::string described(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("a list of {}", value.size());
  return shown(value);
}

bool is_whole(const json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
}

bool has_type(const json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "number") return value.is_number();
  if (type == "integer") return is_whole(value);
  return value.is_null();
}

bool is_multiple(const json& value, const json& of) {
  const double quotient = value.get<double>() / of.get<double>();
  return std::abs(quotient - std::round(quotient)) <= 1e-9 * std::max(1.0, std::abs(quotient));
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

const json* member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::size_t count_of(const json& schema, const char* name, std::size_t otherwise) {
  const json* value = member(schema, name);
  return value == nullptr ? otherwise : static_cast<std::size_t>(std::min(value->get<double>(), kCountMax));
}

std::string below(const std::string& path, std::string_view name) {
  return fmt::format("{}.{}", path, name);
}

// What stands wrong with a value by itself, without what is below it and without alternatives: what is
// wanted, or empty.
std::string wanted_number(const json& schema, const json& value) {
  const auto breaks = [&](const char* name, auto rule) {
    const json* bound = member(schema, name);
    return bound != nullptr && !rule(*bound) ? bound : nullptr;
  };
  if (const json* b = breaks("minimum", [&](const json& x) { return value >= x; }))
    return "at least " + b->dump();
  if (const json* b = breaks("maximum", [&](const json& x) { return value <= x; }))
    return "at most " + b->dump();
  if (const json* b = breaks("exclusiveMinimum", [&](const json& x) { return value > x; }))
    return "more than " + b->dump();
  if (const json* b = breaks("exclusiveMaximum", [&](const json& x) { return value < x; }))
    return "less than " + b->dump();
  if (const json* b = breaks("multipleOf", [&](const json& x) { return is_multiple(value, x); }))
    return "a multiple of " + b->dump();
  return {};
}

std::string wanted_size(const json& schema, std::size_t size, const char* least, const char* most,
                        std::string_view of_what) {
  const std::size_t low = count_of(schema, least, 0);
  const std::size_t high = count_of(schema, most, static_cast<std::size_t>(-1));
  if (size < low) return fmt::format("at least {} {}", low, of_what);
  if (size > high) return fmt::format("at most {} {}", high, of_what);
  return {};
}

std::string wanted_type(const json& schema, const json& value) {
  if (const json* type = member(schema, "type"); type != nullptr) {
    const auto fits = [&](const json& one) { return has_type(value, one.get_ref<const std::string&>()); };
    if (type->is_string() && !fits(*type)) return "a value of type " + type->get<std::string>();
    if (type->is_array() && std::ranges::none_of(*type, fits))
      return fmt::format("a value of type {}", fmt::join(type->get<std::vector<std::string>>(), " or "));
  }
  if (const json* constant = member(schema, "const"); constant != nullptr && value != *constant)
    return shown(*constant);
  if (const json* list = member(schema, "enum");
      list != nullptr && std::ranges::find(*list, value) == list->end())
    return list->size() > kShownListMax ? fmt::format("one of {} values", list->size())
                                        : "one of " + shown(*list);
  return {};
}

// Texts and lists of values are gone through whole.
std::size_t steps_of(const json& schema, const json& value) {
  const json* list = member(schema, "enum");
  return 1 + (list == nullptr ? 0 : list->size() / kListStep) +
         (value.is_string() ? value.get_ref<const std::string&>().size() / kTextStep : 0);
}

}  // namespace

// One value and one schema at a time; gives up where the schema makes it endless.
class JsonSchema::Checker {
 public:
  explicit Checker(const Document& document) : document_(document) {}

  Result<> run(const json& schema, const json& value, const std::string& path) {
    const auto result = check(schema, value, path);
    return gave_up_ ? too_costly(path) : result;  // what was given up was not found out, however it was asked
  }

 private:
  // NOLINTNEXTLINE(misc-no-recursion): bounded by kDepthMax
  Result<> check(const json& schema, const json& value, const std::string& path) {
    if (schema.is_boolean()) return schema.get<bool>() ? Result<>() : misfit(path, value, "nothing at all");
    steps_ += steps_of(schema, value);
    if (gave_up_ || steps_ > kStepsMax || depth_ >= kDepthMax) {
      gave_up_ = true;
      return too_costly(path);
    }
    ++depth_;
    auto result = check_all(schema, value, path);
    --depth_;
    return result;
  }

  static Result<> too_costly(const std::string& path) {
    return fail(ErrorCode::schema_mismatch, fmt::format("{}: its schema is too costly to check", path));
  }
  static std::unexpected<Error> misfit(const std::string& path, const json& value, std::string_view wanted) {
    return fail(ErrorCode::schema_mismatch,
                fmt::format("{}: found {}, expected {}", path, described(value), wanted));
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Result<> check_all(const json& schema, const json& value, const std::string& path) {
    if (const std::string wanted = wanted_itself(schema, value); !wanted.empty())
      return misfit(path, value, wanted);
    if (value.is_object()) {
      GEMINGA_TRY_VOID(check_object(schema, value, path));
    }
    if (value.is_array()) {
      GEMINGA_TRY_VOID(check_list(schema, value, path));
    }
    if (const json* reference = member(schema, "$ref"); reference != nullptr) {
      GEMINGA_TRY_VOID(
          check(*document_.references.at(reference->get_ref<const std::string&>()), value, path));
    }
    return check_alternatives(schema, value, path);
  }

  [[nodiscard]] std::string wanted_itself(const json& schema, const json& value) const {
    if (std::string wanted = wanted_type(schema, value); !wanted.empty()) return wanted;
    if (value.is_number()) return wanted_number(schema, value);
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      if (std::string wanted = wanted_size(schema, characters(text), "minLength", "maxLength", "characters");
          !wanted.empty())
        return wanted;
      const json* pattern = member(schema, "pattern");
      if (pattern != nullptr && !matches(text, pattern->get_ref<const std::string&>()))
        return "a text like " + shown(*pattern);
    }
    if (value.is_array()) {
      if (member(schema, "uniqueItems") != nullptr && schema.at("uniqueItems").get<bool>() &&
          std::set<json>(value.begin(), value.end()).size() != value.size())
        return "items that differ from each other";
      return wanted_size(schema, value.size(), "minItems", "maxItems", "items");
    }
    if (value.is_object())
      return wanted_size(schema, value.size(), "minProperties", "maxProperties", "members");
    return {};
  }

  [[nodiscard]] bool matches(std::string_view text, const std::string& pattern) const {
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()),
                                  *document_.patterns.at(pattern));
  }

  static Result<> check_required(const json& names, const json& value, const std::string& path) {
    for (const json& name : names) {
      const auto& text = name.get_ref<const std::string&>();
      if (!value.contains(text))
        return fail(ErrorCode::schema_mismatch,
                    fmt::format("{}: found nothing, expected a value", below(path, text)));
    }
    return {};
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Result<> check_object(const json& schema, const json& value, const std::string& path) {
    if (const json* names = member(schema, "required"); names != nullptr) {
      GEMINGA_TRY_VOID(check_required(*names, value, path));
    }
    if (const json* rules = member(schema, "dependentRequired"); rules != nullptr) {
      for (const auto& [name, others] : rules->items()) {
        if (!value.contains(name)) continue;
        GEMINGA_TRY_VOID(check_required(others, value, path));
      }
    }
    if (const json* rules = member(schema, "dependentSchemas"); rules != nullptr) {
      for (const auto& [name, rule] : rules->items()) {
        if (!value.contains(name)) continue;
        GEMINGA_TRY_VOID(check(rule, value, path));
      }
    }
    for (const auto& [name, one] : value.items()) {
      GEMINGA_TRY_VOID(check_member(schema, name, one, path));
    }
    return {};
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Result<> check_member(const json& schema, const std::string& name, const json& value,
                        const std::string& path) {
    const std::string here = below(path, name);
    if (const json* rule = member(schema, "propertyNames"); rule != nullptr) {
      GEMINGA_TRY_VOID(check(*rule, json(name), here));
    }
    bool named = false;
    if (const json* properties = member(schema, "properties"); properties != nullptr) {
      if (const json* rule = member(*properties, name.c_str()); rule != nullptr) {
        named = true;
        GEMINGA_TRY_VOID(check(*rule, value, here));
      }
    }
    if (const json* patterns = member(schema, "patternProperties"); patterns != nullptr) {
      for (const auto& [pattern, rule] : patterns->items()) {
        if (!matches(name, pattern)) continue;
        named = true;
        GEMINGA_TRY_VOID(check(rule, value, here));
      }
    }
    const json* others = member(schema, "additionalProperties");
    return named || others == nullptr ? Result<>() : check(*others, value, here);
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Result<> check_list(const json& schema, const json& value, const std::string& path) {
    const json* items = member(schema, "items");
    const json* first = member(schema, "prefixItems");
    if (items != nullptr && items->is_array()) {
      first = items;
      items = member(schema, "additionalItems");
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      const json* rule = first != nullptr && i < first->size() ? &(*first)[i] : items;
      if (rule == nullptr) continue;
      GEMINGA_TRY_VOID(check(*rule, value[i], fmt::format("{}[{}]", path, i)));
    }
    const json* contained = member(schema, "contains");
    if (contained == nullptr) return {};
    std::size_t count = 0;
    for (const json& one : value) count += fits(*contained, one, path) ? 1 : 0;
    if (count < count_of(schema, "minContains", 1) ||
        count > count_of(schema, "maxContains", static_cast<std::size_t>(-1)))
      return misfit(path, value, "another number of items that fit 'contains'");
    return {};
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  bool fits(const json& schema, const json& value, const std::string& path) {
    return check(schema, value, path).has_value();
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  Result<> check_alternatives(const json& schema, const json& value, const std::string& path) {
    if (const json* all = member(schema, "allOf"); all != nullptr) {
      for (const json& one : *all) {
        GEMINGA_TRY_VOID(check(one, value, path));
      }
    }
    const auto fitting = [&](const json& list) {
      return std::ranges::count_if(list, [&](const json& one) { return fits(one, value, path); });
    };
    if (const json* any = member(schema, "anyOf"); any != nullptr && fitting(*any) == 0)
      return misfit(path, value, "one of the alternatives of 'anyOf'");
    if (const json* one = member(schema, "oneOf"); one != nullptr) {
      if (const auto count = fitting(*one); count != 1)
        return misfit(path, value, fmt::format("exactly one alternative of 'oneOf' to fit, not {}", count));
    }
    if (const json* none = member(schema, "not"); none != nullptr && fits(*none, value, path))
      return misfit(path, value, "what 'not' does not forbid");
    if (const json* condition = member(schema, "if"); condition != nullptr) {
      const json* branch = member(schema, fits(*condition, value, path) ? "then" : "else");
      if (branch != nullptr) {
        GEMINGA_TRY_VOID(check(*branch, value, path));
      }
    }
    return {};
  }

  const Document& document_;
  std::size_t steps_ = 0;
  std::size_t depth_ = 0;
  bool gave_up_ = false;
};

Result<> JsonSchema::check(const json& value, std::string_view name) const {
  return Checker(*document_).run(document_->root, value, std::string(name));
}

}  // namespace geminga::mcp
