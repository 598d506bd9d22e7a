#include "orchestrator/matching/slots.hpp"

#include <algorithm>
#include <set>

#include "orchestrator/matching/json_member.hpp"
#include "orchestrator/matching/stem.hpp"
#include "orchestrator/matching/text.hpp"
#include "orchestrator/matching/values.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::string_view;

constexpr int kDepthMax = 6;
constexpr std::size_t kSlotsMax = 200;
constexpr std::size_t kHintsMax = 10;

struct RoleName {
  Role role;
  string_view word;
};
constexpr RoleName kRoleNames[] = {
    {Role::from, "origin"},       {Role::from, "from"},       {Role::from, "source"},
    {Role::from, "start"},        {Role::from, "departure"},  {Role::from, "depart"},
    {Role::from, "src"},          {Role::from, "sender"},     {Role::from, "begin"},
    {Role::from, "pickup"},       {Role::to, "destination"},  {Role::to, "to"},
    {Role::to, "target"},         {Role::to, "end"},          {Role::to, "dest"},
    {Role::to, "arrival"},        {Role::to, "recipient"},    {Role::to, "receiver"},
    {Role::to, "goal"},           {Role::place, "location"},  {Role::place, "city"},
    {Role::place, "place"},       {Role::place, "address"},   {Role::place, "country"},
    {Role::place, "region"},      {Role::place, "state"},     {Role::place, "area"},
    {Role::place, "town"},        {Role::place, "venue"},     {Role::place, "where"},
    {Role::place, "province"},    {Role::place, "county"},    {Role::day, "date"},
    {Role::day, "day"},           {Role::day, "birthday"},    {Role::day, "deadline"},
    {Role::hour, "time"},         {Role::hour, "hour"},       {Role::name, "name"},
    {Role::name, "title"},        {Role::topic, "query"},     {Role::topic, "topic"},
    {Role::topic, "subject"},     {Role::topic, "keyword"},   {Role::topic, "search"},
    {Role::topic, "theme"},       {Role::topic, "question"},  {Role::topic, "term"},
    {Role::language, "language"}, {Role::author, "author"},   {Role::author, "artist"},
    {Role::author, "director"},   {Role::author, "composer"}, {Role::author, "writer"},
};

struct RoleWord {
  string_view word;
  Role role;
};
constexpr RoleWord kRoleWords[] = {
    {"from", Role::from},       {"to", Role::to},       {"into", Role::to},       {"in", Role::place},
    {"at", Role::place},        {"near", Role::place},  {"around", Role::place},  {"for", Role::place},
    {"of", Role::place},        {"on", Role::day},      {"at", Role::hour},       {"named", Role::name},
    {"called", Role::name},     {"titled", Role::name}, {"about", Role::topic},   {"for", Role::topic},
    {"regarding", Role::topic}, {"on", Role::topic},    {"into", Role::language}, {"to", Role::language},
    {"in", Role::language},     {"by", Role::author},   {"of", Role::author},
};

/// "A value or null" is how many servers write what may be left out.
const json& plain(const json& schema) {
  for (const char* keyword : {"anyOf", "oneOf"}) {
    const json* choices = member(schema, keyword);
    if (choices == nullptr || !choices->is_array()) continue;
    for (const json& choice : *choices)
      if (const json* type = member(choice, "type"); type != nullptr && *type != "null") return choice;
  }
  return schema;
}

string_view type_of(const json& schema) {
  const json* type = member(schema, "type");
  if (type == nullptr) return {};
  if (type->is_string()) return type->get_ref<const std::string&>();
  if (type->is_array())
    for (const json& one : *type)
      if (one.is_string() && one != "null") return one.get_ref<const std::string&>();
  return {};
}

SlotKind kind_of(const json& schema) {
  if (const json* choices = member(schema, "enum"); choices != nullptr && choices->is_array())
    return SlotKind::choice;
  const string_view type = type_of(schema);
  if (type == "boolean") return SlotKind::flag;
  if (type == "number" || type == "integer") return SlotKind::number;
  if (type == "string") return SlotKind::text;
  return type == "array" ? SlotKind::list : SlotKind::other;
}

Slot slot_of(const std::string& name, const json& schema, bool required) {
  Slot slot{.schema = &schema,
            .kind = kind_of(schema),
            .required = required,
            .whole = type_of(schema) == "integer",
            .labels = name_words(name)};
  if (const json* text = member(schema, "description"); text != nullptr && text->is_string())
    slot.hints = terms_of(text->get_ref<const std::string&>());
  if (slot.hints.size() > kHintsMax) slot.hints.resize(kHintsMax);
  for (const RoleName& each : kRoleNames)
    if (named(slot, {each.word})) slot.roles.push_back(each.role);
  return slot;
}

struct Property {
  const std::string* name;
  const json* schema;
  bool required;
};

/// The required ones as `required` has them, for people say values in the order in which tools ask for them;
/// then the others by name, as an object of JSON keeps no order.
std::vector<Property> in_order(const json& schema, const json& properties) {
  std::vector<Property> found;
  std::set<std::string_view> seen;
  if (const json* list = member(schema, "required"); list != nullptr && list->is_array()) {
    for (const json& each : *list) {
      const auto property =
          each.is_string() ? properties.find(each.get_ref<const std::string&>()) : properties.end();
      if (property != properties.end() && seen.insert(property.key()).second)
        found.push_back({.name = &property.key(), .schema = &*property, .required = true});
    }
  }
  for (auto property = properties.begin(); property != properties.end(); ++property)
    if (!seen.contains(property.key()))
      found.push_back({.name = &property.key(), .schema = &*property, .required = false});
  return found;
}

void collect(const json& schema, const json& params, const std::vector<std::string>& path, bool required,
             int depth, std::vector<Slot>& out) {
  const json* properties = member(schema, "properties");
  if (properties == nullptr || !properties->is_object() || depth > kDepthMax) return;
  for (const Property& property : in_order(schema, *properties)) {
    const std::string& name = *property.name;
    const json& inner = plain(*property.schema);
    const json* given = member(params, name);
    const bool needed = required && property.required;
    std::vector<std::string> here = path;
    here.push_back(name);
    if (type_of(inner) == "object") {
      // What an optional table would need is asked of nobody, and a text in its place has no inside.
      if (given != nullptr ? given->is_object() : needed)
        collect(inner, given != nullptr ? *given : json::object(), here, true, depth + 1, out);
    } else if (given == nullptr && out.size() < kSlotsMax) {
      out.push_back(slot_of(name, inner, needed));
      out.back().path = std::move(here);
      // "origin.address" is an origin.
      for (const std::string& outer : path) {
        const Slot above = slot_of(outer, inner, needed);
        out.back().labels.insert(out.back().labels.end(), above.labels.begin(), above.labels.end());
        out.back().roles.insert(out.back().roles.begin(), above.roles.begin(), above.roles.end());
      }
    }
  }
}

}  // namespace

std::vector<Slot> open_slots(const json& schema, const json& params) {
  std::vector<Slot> slots;
  collect(schema, params, {}, true, 0, slots);
  return slots;
}

bool is_end_of_way(const Slot& slot) {
  return std::ranges::any_of(slot.roles, [](Role role) { return role == Role::from || role == Role::to; });
}

bool introduces(string_view preposition, const Slot& slot) {
  // An origin may be a place too, but "in" does not lead to it.
  const bool end_of_way = is_end_of_way(slot);
  return std::ranges::any_of(kRoleWords, [&](const RoleWord& each) {
    if (each.word != preposition || (end_of_way && each.role == Role::place)) return false;
    return std::ranges::find(slot.roles, each.role) != slot.roles.end();
  });
}

bool is_preposition(string_view word) {
  static constexpr string_view kOthers[] = {"with",  "using", "via",   "between", "within", "before",
                                            "after", "until", "since", "and",     "or",     "then",
                                            "where", "that",  "which", "as"};
  return std::ranges::find(kRoleWords, word, &RoleWord::word) != std::end(kRoleWords) ||
         std::ranges::find(kOthers, word) != std::end(kOthers);
}

bool contains(const std::vector<std::string>& list, string_view word) {
  return std::ranges::find(list, word) != list.end();
}

bool named(const Slot& slot, std::initializer_list<string_view> words) {
  return std::ranges::any_of(
      words, [&](string_view word) { return contains(slot.labels, stem(std::string(word))); });
}

}  // namespace geminga::orchestrator
