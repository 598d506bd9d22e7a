#include "broker/schemas/avro.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::broker {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> kPrimitives = {"null",  "boolean", "int",   "long",
                                                         "float", "double",  "bytes", "string"};
/// Said by a schema itself; everything else of it are properties, which count.
constexpr std::array<std::string_view, 11> kOwnWords = {
    "type", "name", "namespace", "fields", "symbols", "items", "values", "size", "doc", "aliases", "default"};
constexpr std::array<std::string_view, 6> kFieldWords = {"name",  "type", "default",
                                                         "order", "doc",  "aliases"};

template <class Words>
bool is_one(const Words& words, std::string_view text) {
  return std::ranges::find(words, text) != words.end();
}

template <class Words>
void copy_properties(const json& from, const Words& own, json& to) {
  for (const auto& [name, value] : from.items()) {
    if (!is_one(own, name)) to[name] = value;
  }
}

std::unexpected<Error> wrong(std::string text) {
  return fail(ErrorCode::invalid_schema, std::move(text));
}

Result<std::string> text_of(const json& object, const char* word, std::string_view where) {
  const auto found = object.find(word);
  if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    return wrong(fmt::format("{} has no '{}'", where, word));
  return found->get<std::string>();
}

bool is_name(std::string_view text) {
  const auto letter = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
  };
  const auto digit = [](unsigned char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && !digit(static_cast<unsigned char>(text[0])) &&
         std::ranges::all_of(text, [&](unsigned char c) { return letter(c) || digit(c); });
}

/// One pass over a schema, top down; names are known from where they are declared on. The depth is that of
/// the JSON, which its reader bounds.
class Normaliser {
 public:
  Result<json> schema(const json& from, const std::string& space) {  // NOLINT(misc-no-recursion)
    if (from.is_string()) return reference(from.get<std::string>(), space);
    if (from.is_array()) return union_of(from, space);
    if (!from.is_object()) return wrong("a type is a name, a list or an object");
    const auto type = from.find("type");
    if (type == from.end()) return wrong("an object has no 'type'");
    if (!type->is_string()) return schema(*type, space);
    const std::string kind = type->get<std::string>();
    if (kind == "record" || kind == "error" || kind == "enum" || kind == "fixed")
      return named(kind, from, space);
    if (kind == "array") return container(kind, "items", from, space);
    if (kind == "map") return container(kind, "values", from, space);
    GEMINGA_TRY(json to, reference(kind, space));
    json properties = json::object();
    copy_properties(from, kOwnWords, properties);
    if (properties.empty()) return to;
    properties["type"] = std::move(to);
    return properties;
  }

 private:
  Result<json> reference(const std::string& name, const std::string& space) const {
    if (is_one(kPrimitives, name)) return name;
    std::string full = full_name(name, space);
    if (known_.contains(full)) return full;
    if (known_.contains(name)) return name;
    return wrong(fmt::format("no type '{}' is declared before it is used", name));
  }

  static std::string full_name(const std::string& name, const std::string& space) {
    return space.empty() || name.find('.') != std::string::npos ? name : space + "." + name;
  }

  Result<json> union_of(const json& from, const std::string& space) {  // NOLINT(misc-no-recursion)
    json to = json::array();
    for (const json& each : from) {
      GEMINGA_TRY(json branch, schema(each, space));
      to.push_back(std::move(branch));
    }
    return to;
  }

  Result<json> container(const std::string& kind, const char* word,
                         const json& from,  // NOLINT(misc-no-recursion)
                         const std::string& space) {
    const auto inner = from.find(word);
    if (inner == from.end()) return wrong(fmt::format("{} has no '{}'", kind, word));
    json to = {{"type", kind}};
    GEMINGA_TRY(to[word], schema(*inner, space));
    copy_properties(from, kOwnWords, to);
    return to;
  }

  Result<json> named(const std::string& kind, const json& from,  // NOLINT(misc-no-recursion)
                     const std::string& space) {
    GEMINGA_TRY(std::string name, text_of(from, "name", kind));
    const auto own = from.find("namespace");
    name = full_name(name, own != from.end() && own->is_string() ? own->get<std::string>() : space);
    const std::size_t dot = name.rfind('.');
    if (!is_name(std::string_view(name).substr(dot == std::string::npos ? 0 : dot + 1)))
      return wrong(fmt::format("'{}' is no name", name));
    if (!known_.insert(name).second) return wrong(fmt::format("'{}' is declared twice", name));
    json to = {{"type", kind}, {"name", name}};
    copy_properties(from, kOwnWords, to);
    if (kind == "enum") return enumeration(from, std::move(to));
    if (kind == "fixed") return fixed(from, std::move(to));
    GEMINGA_TRY(to["fields"],
                fields(name, from, dot == std::string::npos ? std::string() : name.substr(0, dot)));
    return to;
  }

  static Result<json> enumeration(const json& from, json to) {
    const auto symbols = from.find("symbols");
    if (symbols == from.end() || !symbols->is_array() ||
        !std::ranges::all_of(*symbols, [](const json& each) { return each.is_string(); }))
      return wrong(fmt::format("the enum {} has no list of 'symbols'", to["name"].get<std::string>()));
    to["symbols"] = *symbols;
    if (const auto found = from.find("default"); found != from.end()) to["default"] = *found;
    return to;
  }

  static Result<json> fixed(const json& from, json to) {
    const auto size = from.find("size");
    if (size == from.end() || !size->is_number_unsigned())
      return wrong(fmt::format("the fixed {} has no 'size'", to["name"].get<std::string>()));
    to["size"] = *size;
    return to;
  }

  Result<json> fields(const std::string& record, const json& from,  // NOLINT(misc-no-recursion)
                      const std::string& space) {
    const auto list = from.find("fields");
    if (list == from.end() || !list->is_array())
      return wrong(fmt::format("the record {} has no 'fields'", record));
    json to = json::array();
    std::set<std::string> names;
    for (const json& each : *list) {
      if (!each.is_object()) return wrong(fmt::format("a field of {} is no object", record));
      GEMINGA_TRY(const std::string name, text_of(each, "name", "a field of " + record));
      if (!names.insert(name).second) return wrong(fmt::format("{} has two fields '{}'", record, name));
      GEMINGA_TRY(json one, field(each, record + "." + name, space));
      to.push_back(std::move(one));
    }
    return to;
  }

  Result<json> field(const json& from, const std::string& place,  // NOLINT(misc-no-recursion)
                     const std::string& space) {
    const auto type = from.find("type");
    if (type == from.end()) return wrong(fmt::format("{} has no 'type'", place));
    auto normal = schema(*type, space);
    if (!normal) return std::unexpected(normal.error().with(place));
    json to = {{"name", from["name"]}, {"type", *std::move(normal)}};
    if (const auto found = from.find("default"); found != from.end()) to["default"] = *found;
    if (const auto order = from.find("order"); order != from.end() && *order != "ascending")
      to["order"] = *order;
    copy_properties(from, kFieldWords, to);
    return to;
  }

  std::set<std::string> known_;
};

}  // namespace

Result<json> normal_avro(const json& schema) {
  return Normaliser().schema(schema, "");
}

}  // namespace geminga::broker
