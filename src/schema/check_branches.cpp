// Schemas that depend on what others say of the same value.
#include <fmt/format.h>

#include "schema/checker.hpp"

namespace geminga::schema {

using nlohmann::json;

void Checker::check_branches(const json& schema, const json& value, const Place& place) {
  if (const json* all = read(schema, "allOf", &json::is_array))
    for (const json& one : *all) check(one, value, place);
  if (const json* any = read(schema, "anyOf", &json::is_array)) check_choice(*any, false, value, place);
  if (const json* one = read(schema, "oneOf", &json::is_array)) check_choice(*one, true, value, place);
  if (const auto banned = schema.find("not"); banned != schema.end()) {
    const Answer answer = fits(*banned, value);
    if (answer == Answer::yes) refuse(place, value, "anything but that");
    if (answer == Answer::unknown) unsure_ = true;
  }
  const auto condition = schema.find("if");
  if (condition == schema.end()) return;
  const Answer answer = fits(*condition, value);
  if (answer == Answer::unknown) {
    unsure_ = true;
    return;
  }
  const auto branch = schema.find(answer == Answer::yes ? "then" : "else");
  if (branch != schema.end()) check(*branch, value, place);
}

void Checker::check_choice(const json& choices, bool exactly_one, const json& value, const Place& place) {
  if (choices.size() == 1) return check(choices.front(), value, place);
  std::size_t fitting = 0;
  std::size_t unknown = choices.empty() ? 1 : 0;
  for (const json& choice : choices) {
    if (done()) return;
    const Answer answer = fits(choice, value);
    fitting += answer == Answer::yes ? 1 : 0;
    unknown += answer == Answer::unknown ? 1 : 0;
    if (fitting > (exactly_one ? 1U : 0U)) break;
  }
  if (fitting + unknown == 0)
    refuse(place, value, fmt::format("what one of {} schemas describes", choices.size()));
  else if (fitting > 1)
    refuse(place, value, fmt::format("what exactly one of {} schemas describes", choices.size()));
  else if (unknown > 0 && (exactly_one || fitting == 0))
    unsure_ = true;
}

}  // namespace geminga::schema
