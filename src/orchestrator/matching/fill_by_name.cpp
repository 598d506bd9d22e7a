#include "orchestrator/matching/fill_by_name.hpp"

#include <algorithm>
#include <optional>

#include "orchestrator/matching/suits.hpp"
#include "orchestrator/matching/text.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::string_view;

constexpr std::size_t kReach = 6;     // words between an argument's name and its value
constexpr double kHintWeight = 0.35;  // of a word of the description against one of the name
constexpr double kLabelledMin = 0.12;
constexpr double kOptionalMin = 0.3;   // what nobody has to give is filled only where it is clear
constexpr std::size_t kPhraseMax = 6;  // words of what follows a preposition

/// Where the words of a choice stand in the sentence.
std::optional<Span> find_words(const Filling& filling, const std::vector<std::string>& words) {
  if (words.empty()) return std::nullopt;
  std::ranges::subrange rest(filling.sentence.words);
  while (true) {
    const auto found = std::ranges::search(rest, words, {}, &Sentence::Word::term);
    if (found.empty()) return std::nullopt;
    const Span span{.first = found.front().token, .last = found.back().token + 1};
    if (!filling.used[span.first]) return span;
    rest = {found.begin() + 1, rest.end()};
  }
}

void fill_choices(Filling& filling) {
  for (Slot* slot : filling.open([](const Slot& each) { return each.kind == SlotKind::choice; })) {
    const json* best = nullptr;
    Span where;
    bool several = false;
    for (const json& choice : slot->schema->at("enum")) {
      if (!choice.is_string()) continue;
      const auto& text = choice.get_ref<const std::string&>();
      if (text.size() < 2 || terms_of(text).empty()) continue;  // "a", "in": words of any sentence
      const auto found = find_words(filling, name_words(text));
      if (!found) continue;
      const std::size_t size = found->last - found->first;
      if (best != nullptr && size < where.last - where.first) continue;
      several = best != nullptr && size == where.last - where.first;
      best = &choice;
      where = *found;
    }
    // The words of a choice may be said of something else too: they are not used up.
    if (best != nullptr && !several) filling.put(*slot, *best, {});
  }
}

void fill_flags(Filling& filling) {
  for (Slot* slot : filling.open([](const Slot& each) { return each.kind == SlotKind::flag; })) {
    for (std::size_t i = 0; i + 1 < filling.tokens.size(); ++i) {
      if (!contains(slot->labels, filling.tokens[i].term)) continue;
      const std::size_t at = i + (filling.tokens[i + 1].term == "is" || filling.tokens[i + 1].term == "to" ||
                                          filling.tokens[i + 1].term == "as"
                                      ? 2U
                                      : 1U);
      if (at >= filling.tokens.size()) continue;
      const string_view word = filling.tokens[at].term;
      if (word == "true" || word == "false") {
        filling.put(*slot, word == "true", {.first = at, .last = at + 1});
        break;
      }
    }
  }
}

/// A value that may be an argument's.
struct Offer {
  double score = 0;
  Slot* slot = nullptr;
  Span span;
  json value;
};

/// How well the words around a value name the slot.
double nearness(const Filling& filling, const Slot& slot, Span span) {
  double score = 0;
  std::vector<string_view> seen;
  const auto look = [&](std::size_t i, double weight) {
    const std::string& term = filling.tokens[i].term;
    if (std::ranges::find(seen, term) != seen.end()) return;
    const bool label = contains(slot.labels, term);
    if (!label && !contains(slot.hints, term)) return;
    seen.push_back(term);
    score += label ? weight : weight * kHintWeight;
  };
  for (std::size_t d = 0; d < kReach && d < span.first; ++d) {
    const std::size_t i = span.first - 1 - d;
    if (filling.is_value(i) || (filling.tokens[i].clause_ends && d > 0)) break;
    if (filling.tokens[i].clause_ends &&
        !filling.sentence.text.substr(filling.tokens[i].end).starts_with(':'))
      break;
    look(i, 1.0 / static_cast<double>(1 + d));
  }
  // "5 years": right behind it, and nothing in between.
  if (span.last < filling.tokens.size() && !filling.tokens[span.last - 1].clause_ends &&
      !filling.is_value(span.last))
    look(span.last, 0.9);
  return score;
}

void offer(const Filling& filling, std::vector<Offer>& offers, Slot& slot, Span span,
           const std::optional<json>& value) {
  if (!value) return;
  const double score = nearness(filling, slot, span);
  if (score >= (slot.required ? kLabelledMin : kOptionalMin))
    offers.push_back({.score = score, .slot = &slot, .span = span, .value = *value});
}

/// An argument that is required and one that is not want the same value as much: neither is sure.
bool is_contested(const std::vector<Offer>& offers, const Offer& offer) {
  const auto rivals = std::ranges::equal_range(offers, offer.score, std::greater{}, &Offer::score);
  return std::ranges::any_of(rivals, [&](const Offer& rival) {
    return rival.span.first == offer.span.first && rival.slot->required != offer.slot->required &&
           rival.slot->kind == offer.slot->kind && !rival.slot->filled;
  });
}

void fill_labelled(Filling& filling) {
  std::vector<Offer> offers;
  for (Slot* slot : filling.open([](const Slot&) { return true; })) {
    for (std::size_t i = 0; i < filling.tokens.size(); ++i) {
      if (filling.used[i]) continue;
      if (filling.is_value(i)) {
        offer(filling, offers, *slot, {.first = i, .last = i + 1}, value_for(*slot, filling.tokens[i]));
      } else if (slot->kind == SlotKind::text && filling.tokens[i].capital &&
                 (i == 0 || !filling.tokens[i - 1].capital) && !wants_day(*slot) && !wants_hour(*slot) &&
                 format_of(*slot).empty()) {
        const Span span = filling.name_at(i, false);
        if (span.last > span.first) offer(filling, offers, *slot, span, json(filling.text_of(span)));
      }
    }
  }
  std::ranges::stable_sort(offers, [](const Offer& a, const Offer& b) {
    // What wants a number comes before what takes one as text.
    return a.score != b.score ? a.score > b.score : a.value.is_number() && !b.value.is_number();
  });
  std::vector<Span> contested;
  for (Offer& each : offers) {
    if (each.slot->filled || filling.used[each.span.first]) continue;
    if (is_contested(offers, each))
      contested.push_back(each.span);
    else
      filling.put(*each.slot, std::move(each.value), each.span);
  }
  for (const Span& span : contested) filling.use(span);
}
/// What follows a preposition: a value, a name, or the words up to the next preposition or the end of the
/// clause.
std::optional<Span> phrase_at(const Filling& filling, std::size_t first, const Slot& slot) {
  while (first < filling.tokens.size() && !filling.tokens[first].capital &&
         (filling.tokens[first].term == "the" || filling.tokens[first].term == "a" ||
          filling.tokens[first].term == "an"))
    ++first;
  if (first == filling.tokens.size() || filling.used[first]) return std::nullopt;
  if (filling.is_value(first))
    return text_for(slot, filling.tokens[first]) ? std::optional(Span{.first = first, .last = first + 1})
                                                 : std::nullopt;
  if (wants_day(slot) || wants_hour(slot) || !format_of(slot).empty()) return std::nullopt;
  if (filling.tokens[first].capital)
    return filling.name_at(first, std::ranges::find(slot.roles, Role::name) == slot.roles.end());
  // Only a capital tells a place from other things that words lead to.
  const bool place = std::ranges::find(slot.roles, Role::place) != slot.roles.end() ||
                     std::ranges::find(slot.roles, Role::author) != slot.roles.end();
  if (place || !slot.required) return std::nullopt;
  std::size_t last = first;
  while (last < filling.tokens.size() && !filling.used[last] && !filling.is_value(last) &&
         last - first < kPhraseMax) {
    if (is_preposition(filling.tokens[last].term)) break;
    ++last;
    if (filling.tokens[last - 1].clause_ends) break;
  }
  return last > first ? std::optional(Span{.first = first, .last = last}) : std::nullopt;
}

void fill_after_prepositions(Filling& filling) {
  for (Slot* slot :
       filling.open([](const Slot& each) { return each.kind == SlotKind::text && !each.roles.empty(); })) {
    for (std::size_t i = 0; i + 1 < filling.tokens.size() && !slot->filled; ++i) {
      if (filling.is_value(i) || filling.tokens[i].clause_ends || !introduces(filling.tokens[i].term, *slot))
        continue;
      const auto span = phrase_at(filling, i + 1, *slot);
      if (!span || span->last == span->first) continue;
      filling.put(*slot,
                  filling.is_value(span->first) ? *text_for(*slot, filling.tokens[span->first])
                                                : json(filling.text_of(*span)),
                  *span);
    }
  }
}

}  // namespace

void fill_by_name(Filling& filling) {
  fill_choices(filling);
  fill_flags(filling);
  fill_labelled(filling);
  fill_after_prepositions(filling);
}

}  // namespace geminga::orchestrator
