#include "orchestrator/matching/suits.hpp"

#include <algorithm>

#include "orchestrator/matching/arguments.hpp"
#include "orchestrator/matching/ascii.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::string_view;

bool wants_url(const Slot& slot) {
  return format_of(slot) == "uri" ||
         named(slot, {"url", "uri", "link", "website", "site", "webpage", "page"});
}
bool wants_email(const Slot& slot) {
  return format_of(slot) == "email" || named(slot, {"email", "mail", "recipient"});
}
bool wants_path(const Slot& slot) {
  return named(slot, {"path", "file", "filename", "folder", "directory", "dir"});
}

/// The description asks for days in another order than YYYY-MM-DD.
bool wants_another_order(const Slot& slot) {
  const auto text = slot.schema->find("description");
  if (text == slot.schema->end() || !text->is_string()) return false;
  const auto& words = text->get_ref<const std::string&>();
  return words.contains("MM/DD") || words.contains("DD/MM") || words.contains("MM-DD-YYYY") ||
         words.contains("DD-MM-YYYY") || words.contains("DD.MM");
}

}  // namespace

string_view format_of(const Slot& slot) {
  const auto found = slot.schema->find("format");
  return found != slot.schema->end() && found->is_string() ? string_view(found->get_ref<const std::string&>())
                                                           : string_view();
}

bool wants_day(const Slot& slot) {
  return format_of(slot) == "date" ||
         (format_of(slot).empty() && named(slot, {"date", "day", "birthday", "deadline"}));
}

bool wants_hour(const Slot& slot) {
  return format_of(slot) == "time" ||
         (format_of(slot).empty() && named(slot, {"time", "hour"}) && !named(slot, {"zone", "timezone"}));
}

std::optional<json> text_for(const Slot& slot, const Token& token) {
  switch (token.kind) {
    case TokenKind::quoted:
      if (wants_day(slot) || wants_hour(slot)) return std::nullopt;
      return json(token.value);
    case TokenKind::number:
      // "the top five brands": five is no text.
      if (wants_day(slot) || wants_hour(slot) || !format_of(slot).empty() ||
          std::ranges::none_of(token.text, is_digit))
        return std::nullopt;
      return json(token.text);
    case TokenKind::date:
      if (format_of(slot) == "date-time" && token.value.size() > 10) return json(token.value);
      if (!wants_day(slot) || wants_another_order(slot)) return std::nullopt;
      return json(token.value.substr(0, 10));
    case TokenKind::time:
      if (!wants_hour(slot)) return std::nullopt;
      return json(format_of(slot) == "time" ? token.value + ":00" : token.value);
    case TokenKind::url:
      return wants_url(slot) ? std::optional<json>(token.value) : std::nullopt;
    case TokenKind::email:
      return wants_email(slot) ? std::optional<json>(token.value) : std::nullopt;
    case TokenKind::path:
      return wants_path(slot) || is_end_of_way(slot) ? std::optional<json>(token.value) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<json> value_for(const Slot& slot, const Token& token) {
  if (slot.kind == SlotKind::text) return text_for(slot, token);
  if (slot.kind != SlotKind::number || token.kind != TokenKind::number) return std::nullopt;
  auto value = number_of(token.value);
  if (slot.whole && value && !value->is_number_integer()) return std::nullopt;
  return value;
}

}  // namespace geminga::orchestrator
