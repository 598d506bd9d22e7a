#include "orchestrator/matching/fill_by_kind.hpp"

#include <algorithm>

#include "orchestrator/matching/arguments.hpp"
#include "orchestrator/matching/suits.hpp"
#include "orchestrator/matching/text.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;

/// A URL, an address, a path, a day, a time: where one thing of the kind is left and one argument wants it.
void fill_by_looks(Filling& filling) {
  for (const TokenKind kind :
       {TokenKind::url, TokenKind::email, TokenKind::path, TokenKind::date, TokenKind::time}) {
    const auto values = filling.unused(kind);
    std::vector<Slot*> wanted = filling.open([&](const Slot& slot) {
      return slot.required && slot.kind == SlotKind::text && !values.empty() &&
             text_for(slot, filling.tokens[values[0]]).has_value();
    });
    if (values.size() != wanted.size()) continue;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (auto value = text_for(*wanted[i], filling.tokens[values[i]]))
        filling.put(*wanted[i], *std::move(value), {.first = values[i], .last = values[i] + 1});
  }
}

/// As many numbers as arguments that want one: in their order.
void fill_numbers_in_order(Filling& filling) {
  const auto values = filling.unused(TokenKind::number);
  const auto wanted =
      filling.open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::number; });
  // With one that cannot be read, which of them is the first?
  if (values.size() != wanted.size() || !filling.unused(TokenKind::unread_number).empty()) return;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (auto value = value_for(*wanted[i], filling.tokens[values[i]]))
      filling.put(*wanted[i], *std::move(value), {.first = values[i], .last = values[i] + 1});
}

/// False where not all of them can be read.
bool add_elements(const std::string& text, bool numbers, json& list) {
  const Sentence inside = read_sentence(text);
  if (inside.cut) return false;
  for (const Token& token : inside.tokens) {
    if (!numbers) {
      list.push_back(token.value);
    } else if (token.kind == TokenKind::number) {
      const auto number = number_of(token.value);
      if (!number) return false;
      list.push_back(*number);
    } else if (token.kind == TokenKind::unread_number) {
      return false;
    }
  }
  return true;
}

void fill_lists(Filling& filling) {
  const auto wanted =
      filling.open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::list; });
  if (wanted.size() != 1) return;
  Slot& slot = *wanted.front();
  const auto items = slot.schema->find("items");
  const std::string type = items != slot.schema->end() && items->is_object() && items->contains("type") &&
                                   (*items)["type"].is_string()
                               ? (*items)["type"].get<std::string>()
                               : "";
  const bool numbers = type == "number" || type == "integer";
  if (!numbers && type != "string") return;
  if (numbers && !filling.unused(TokenKind::unread_number).empty()) return;
  json list = json::array();
  for (std::size_t i = 0; i < filling.tokens.size(); ++i) {
    if (filling.used[i]) continue;
    if (filling.tokens[i].kind == TokenKind::list && !add_elements(filling.tokens[i].text, numbers, list))
      return;
    if (numbers && filling.tokens[i].kind == TokenKind::number) {
      const auto number = number_of(filling.tokens[i].value);
      if (!number) return;
      list.push_back(*number);
    } else if (!numbers && filling.tokens[i].kind == TokenKind::quoted) {
      list.push_back(filling.tokens[i].value);
    } else if (!numbers && filling.tokens[i].capital &&
               (i == 0 || !filling.tokens[i - 1].capital || filling.tokens[i - 1].clause_ends)) {
      if (const Span span = filling.name_at(i, false); span.last > span.first)
        list.push_back(filling.text_of(span));
    }
  }
  if (!list.empty()) filling.put(slot, std::move(list), {});
}

/// One argument for text is left, and one thing in quotes.
void fill_only_text(Filling& filling) {
  const auto wanted =
      filling.open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::text; });
  const auto quoted = filling.unused(TokenKind::quoted);
  if (wanted.size() != 1) return;
  if (quoted.size() == 1)
    if (auto value = text_for(*wanted.front(), filling.tokens[quoted[0]]))
      return filling.put(*wanted.front(), *std::move(value), {.first = quoted[0], .last = quoted[0] + 1});
  if (!named(*wanted.front(), {"location", "city", "place", "country", "name", "address", "region", "state",
                               "team", "company", "artist", "title", "language"}))
    return;
  std::vector<Span> names;
  for (std::size_t i = 0; i < filling.tokens.size(); ++i)
    if (!filling.used[i] && filling.tokens[i].capital && (names.empty() || i >= names.back().last))
      names.push_back(filling.name_at(i, true));
  if (names.size() == 1 && names[0].last > names[0].first)
    filling.put(*wanted.front(), json(filling.text_of(names[0])), names[0]);
}

/// "echo hello": what follows the words that name the tool, where it wants nothing but a text.
void fill_free_text(Filling& filling) {
  const auto wanted =
      filling.open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::text; });
  if (wanted.size() != 1 ||
      !named(*wanted.front(), {"query", "q", "text", "message", "input", "content", "prompt", "question",
                               "sentence", "expression", "phrase", "body"}))
    return;
  std::size_t first = 0;
  bool commanded = false;
  for (; first < filling.tokens.size(); ++first) {
    const Token& token = filling.tokens[first];
    const bool command =
        contains(filling.tool_words, token.term) || contains(wanted.front()->labels, token.term);
    if (filling.is_value(first) || filling.used[first] || (!command && !terms_of(token.text).empty())) break;
    commanded = commanded || command;
  }
  if (!commanded || first == filling.tokens.size() ||
      std::find(filling.used.begin() + static_cast<std::ptrdiff_t>(first), filling.used.end(), true) !=
          filling.used.end())
    return;
  filling.put(*wanted.front(), json(filling.text_of({.first = first, .last = filling.tokens.size()})),
              {.first = first, .last = filling.tokens.size()});
}

}  // namespace

void fill_by_kind(Filling& filling) {
  fill_by_looks(filling);
  fill_numbers_in_order(filling);
  fill_lists(filling);
  fill_only_text(filling);
  fill_free_text(filling);
}

}  // namespace geminga::orchestrator
