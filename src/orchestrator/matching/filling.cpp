#include "orchestrator/matching/filling.hpp"

#include <algorithm>

#include "orchestrator/matching/arguments.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::string_view;

/// "1,000" has been caught as 1000.
bool is_same(const Token& token, const json& value, const std::string& text) {
  if (token.value == text || token.text == text) return true;
  return value.is_number() && token.kind == TokenKind::number && number_of(token.value) == value;
}

}  // namespace

Filling::Filling(const json& schema, string_view tool, const Sentence& sentence_in, json& params_in)
    : sentence(sentence_in),
      tokens(sentence_in.tokens),
      params(params_in),
      used(tokens.size(), false),
      slots(open_slots(schema, params)),
      tool_words(name_words(tool)) {
  set_aside(params);
}

/// What a rule has caught is no value for another argument.
void Filling::set_aside(const json& value) {
  if (value.is_structured()) {
    for (const json& inner : value) set_aside(inner);
    return;
  }
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.empty()) return;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (!used[i] && is_value(i) && is_same(tokens[i], value, text)) {
      used[i] = true;
      return;
    }
  for (std::size_t at = sentence.text.find(text); at != string_view::npos;
       at = sentence.text.find(text, at + 1))
    if (set_aside_between(at, at + text.size())) return;
}

/// The tokens that stand there whole; false where there is none that is still free.
bool Filling::set_aside_between(std::size_t begin, std::size_t end) {
  bool found = false;
  const auto first = std::ranges::lower_bound(tokens, begin, {}, &Token::begin);
  for (auto i = static_cast<std::size_t>(first - tokens.begin()); i < tokens.size() && tokens[i].end <= end;
       ++i) {
    found = found || !used[i];
    used[i] = true;
  }
  return found;
}

void Filling::put(Slot& slot, json value, Span span) {
  json* place = &params;
  for (const std::string& name : slot.path) place = &(*place)[name];
  *place = std::move(value);
  slot.filled = true;
  use(span);
}

void Filling::use(Span span) {
  std::fill(used.begin() + static_cast<std::ptrdiff_t>(span.first),
            used.begin() + static_cast<std::ptrdiff_t>(span.last), true);
}

std::vector<std::size_t> Filling::unused(TokenKind kind) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (!used[i] && tokens[i].kind == kind) found.push_back(i);
  return found;
}

Span Filling::name_at(std::size_t first, bool across_comma) const {
  std::size_t last = first;
  while (last < tokens.size() && !used[last] && tokens[last].kind == TokenKind::word) {
    const bool joins = last > first && last + 1 < tokens.size() && tokens[last + 1].capital &&
                       !tokens[last].clause_ends &&
                       (tokens[last].term == "of" || tokens[last].term == "de" ||
                        tokens[last].term == "the" || tokens[last].text == "&");
    if (!tokens[last].capital && !joins) break;
    ++last;
    const Token& before = tokens[last - 1];
    if (before.clause_ends && !(across_comma && before.comma_follows)) break;
  }
  return {.first = first, .last = last};
}

std::string Filling::text_of(Span span) const {
  return std::string(
      sentence.text.substr(tokens[span.first].begin, tokens[span.last - 1].end - tokens[span.first].begin));
}

}  // namespace geminga::orchestrator
