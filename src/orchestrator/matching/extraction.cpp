#include "orchestrator/matching/extraction.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "orchestrator/matching/arguments.hpp"
#include "orchestrator/matching/slots.hpp"
#include "orchestrator/matching/suits.hpp"
#include "orchestrator/matching/text.hpp"
#include "orchestrator/matching/values.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::string_view;

constexpr std::size_t kReach = 6;     // words between an argument's name and its value
constexpr double kHintWeight = 0.35;  // of a word of the description against one of the name
constexpr double kLabelledMin = 0.12;
constexpr double kOptionalMin = 0.3;   // what nobody has to give is filled only where it is clear
constexpr std::size_t kPhraseMax = 6;  // words of what follows a preposition

bool contains(const std::vector<std::string>& list, string_view word) {
  return std::ranges::find(list, word) != list.end();
}

/// A piece of the sentence: tokens from `first` to before `last`.
struct Span {
  std::size_t first = 0;
  std::size_t last = 0;
};

class Filler {
 public:
  Filler(const json& schema, string_view tool, const Sentence& sentence, json& params)
      : sentence_(sentence),
        tokens_(sentence.tokens),
        params_(params),
        used_(tokens_.size(), false),
        slots_(open_slots(schema, params)),
        tool_words_(name_words(tool)) {
    set_aside_what_params_have(params_);
  }

  void run() {
    // A value may stand in what was not read, or go on there.
    if (!sentence_.cut) fill_from_sentence();
    fill_defaults();
  }

 private:
  void fill_from_sentence() {
    fill_choices();
    fill_flags();
    fill_labelled();
    fill_after_prepositions();
    fill_by_looks();
    fill_numbers_in_order();
    fill_lists();
    fill_only_text();
    fill_free_text();
  }

  // --- tokens and slots ---

  /// What a rule has caught is no value for another argument.
  void set_aside_what_params_have(const json& value) {
    if (value.is_structured()) {
      for (const json& inner : value) set_aside_what_params_have(inner);
      return;
    }
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.empty()) return;
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      if (!used_[i] && is_value(i) && is_same(tokens_[i], value, text)) {
        used_[i] = true;
        return;
      }
    for (std::size_t at = sentence_.text.find(text); at != string_view::npos;
         at = sentence_.text.find(text, at + 1))
      if (set_aside_between(at, at + text.size())) return;
  }

  /// "1,000" has been caught as 1000.
  static bool is_same(const Token& token, const json& value, const std::string& text) {
    if (token.value == text || token.text == text) return true;
    return value.is_number() && token.kind == TokenKind::number && number_of(token.value) == value;
  }

  /// The tokens that stand there whole; false where there is none that is still free.
  bool set_aside_between(std::size_t begin, std::size_t end) {
    bool found = false;
    const auto first = std::ranges::lower_bound(tokens_, begin, {}, &Token::begin);
    for (auto i = static_cast<std::size_t>(first - tokens_.begin());
         i < tokens_.size() && tokens_[i].end <= end; ++i) {
      found = found || !used_[i];
      used_[i] = true;
    }
    return found;
  }

  [[nodiscard]] bool is_value(std::size_t i) const { return tokens_[i].kind != TokenKind::word; }

  void put(Slot& slot, json value, Span span) {
    json* place = &params_;
    for (const std::string& name : slot.path) place = &(*place)[name];
    *place = std::move(value);
    slot.filled = true;
    use(span);
  }

  void use(Span span) {
    std::fill(used_.begin() + static_cast<std::ptrdiff_t>(span.first),
              used_.begin() + static_cast<std::ptrdiff_t>(span.last), true);
  }

  template <class Wanted>
  std::vector<Slot*> open(Wanted wanted) {
    std::vector<Slot*> found;
    for (Slot& slot : slots_)
      if (!slot.filled && wanted(slot)) found.push_back(&slot);
    return found;
  }

  std::vector<std::size_t> unused(TokenKind kind) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      if (!used_[i] && tokens_[i].kind == kind) found.push_back(i);
    return found;
  }

  /// Words in capitals from `first` on: "New York, NY", "Eiffel Tower".
  [[nodiscard]] Span name_at(std::size_t first, bool across_comma) const {
    std::size_t last = first;
    while (last < tokens_.size() && !used_[last] && tokens_[last].kind == TokenKind::word) {
      const bool joins = last > first && last + 1 < tokens_.size() && tokens_[last + 1].capital &&
                         !tokens_[last].clause_ends &&
                         (tokens_[last].term == "of" || tokens_[last].term == "de" ||
                          tokens_[last].term == "the" || tokens_[last].text == "&");
      if (!tokens_[last].capital && !joins) break;
      ++last;
      const Token& before = tokens_[last - 1];
      if (before.clause_ends && !(across_comma && before.comma_follows)) break;
    }
    return {.first = first, .last = last};
  }

  [[nodiscard]] std::string text_of(Span span) const {
    return std::string(sentence_.text.substr(tokens_[span.first].begin,
                                             tokens_[span.last - 1].end - tokens_[span.first].begin));
  }

  // --- choices and flags ---

  /// Where the words of a choice stand in the sentence.
  [[nodiscard]] std::optional<Span> find_words(const std::vector<std::string>& words) const {
    const auto found = std::ranges::search(sentence_.words, words, {}, &Sentence::Word::term);
    if (words.empty() || found.empty()) return std::nullopt;
    const Span span{.first = found.front().token, .last = found.back().token + 1};
    return used_[span.first] ? std::nullopt : std::optional(span);
  }

  void fill_choices() {
    for (Slot* slot : open([](const Slot& each) { return each.kind == SlotKind::choice; })) {
      const json* best = nullptr;
      Span where;
      bool several = false;
      for (const json& choice : slot->schema->at("enum")) {
        if (!choice.is_string()) continue;
        const auto& text = choice.get_ref<const std::string&>();
        if (text.size() < 2 || terms_of(text).empty()) continue;  // "a", "in": words of any sentence
        const auto found = find_words(name_words(text));
        if (!found) continue;
        const std::size_t size = found->last - found->first;
        if (best != nullptr && size < where.last - where.first) continue;
        several = best != nullptr && size == where.last - where.first;
        best = &choice;
        where = *found;
      }
      // The words of a choice may be said of something else too: they are not used up.
      if (best != nullptr && !several) put(*slot, *best, {});
    }
  }

  void fill_flags() {
    for (Slot* slot : open([](const Slot& each) { return each.kind == SlotKind::flag; })) {
      for (std::size_t i = 0; i + 1 < tokens_.size(); ++i) {
        if (!contains(slot->labels, tokens_[i].term)) continue;
        const std::size_t at =
            i + (tokens_[i + 1].term == "is" || tokens_[i + 1].term == "to" || tokens_[i + 1].term == "as"
                     ? 2U
                     : 1U);
        if (at >= tokens_.size()) continue;
        const string_view word = tokens_[at].term;
        if (word == "true" || word == "false") {
          put(*slot, word == "true", {.first = at, .last = at + 1});
          break;
        }
      }
    }
  }

  // --- behind its own name ---

  struct Offer {
    double score = 0;
    Slot* slot = nullptr;
    Span span;
    json value;
  };

  /// How well the words around a value name the slot.
  [[nodiscard]] double nearness(const Slot& slot, Span span) const {
    double score = 0;
    std::vector<string_view> seen;
    const auto look = [&](std::size_t i, double weight) {
      const std::string& term = tokens_[i].term;
      if (std::ranges::find(seen, term) != seen.end()) return;
      const bool label = contains(slot.labels, term);
      if (!label && !contains(slot.hints, term)) return;
      seen.push_back(term);
      score += label ? weight : weight * kHintWeight;
    };
    for (std::size_t d = 0; d < kReach && d < span.first; ++d) {
      const std::size_t i = span.first - 1 - d;
      if (is_value(i) || (tokens_[i].clause_ends && d > 0)) break;
      if (tokens_[i].clause_ends && !sentence_.text.substr(tokens_[i].end).starts_with(':')) break;
      look(i, 1.0 / static_cast<double>(1 + d));
    }
    // "5 years": right behind it, and nothing in between.
    if (span.last < tokens_.size() && !tokens_[span.last - 1].clause_ends && !is_value(span.last))
      look(span.last, 0.9);
    return score;
  }

  void offer(std::vector<Offer>& offers, Slot& slot, Span span, const std::optional<json>& value) const {
    if (!value) return;
    const double score = nearness(slot, span);
    if (score >= (slot.required ? kLabelledMin : kOptionalMin))
      offers.push_back({.score = score, .slot = &slot, .span = span, .value = *value});
  }

  /// An argument that is required and one that is not want the same value as much: neither is sure.
  static bool is_contested(const std::vector<Offer>& offers, const Offer& offer) {
    const auto rivals = std::ranges::equal_range(offers, offer.score, std::greater{}, &Offer::score);
    return std::ranges::any_of(rivals, [&](const Offer& rival) {
      return rival.span.first == offer.span.first && rival.slot->required != offer.slot->required &&
             rival.slot->kind == offer.slot->kind && !rival.slot->filled;
    });
  }

  void fill_labelled() {
    std::vector<Offer> offers;
    for (Slot* slot : open([](const Slot&) { return true; })) {
      for (std::size_t i = 0; i < tokens_.size(); ++i) {
        if (used_[i]) continue;
        if (is_value(i)) {
          offer(offers, *slot, {.first = i, .last = i + 1}, value_for(*slot, tokens_[i]));
        } else if (slot->kind == SlotKind::text && tokens_[i].capital &&
                   (i == 0 || !tokens_[i - 1].capital) && !wants_day(*slot) && !wants_hour(*slot) &&
                   format_of(*slot).empty()) {
          const Span span = name_at(i, false);
          if (span.last > span.first) offer(offers, *slot, span, json(text_of(span)));
        }
      }
    }
    std::ranges::stable_sort(offers, [](const Offer& a, const Offer& b) {
      // What wants a number comes before what takes one as text.
      return a.score != b.score ? a.score > b.score : a.value.is_number() && !b.value.is_number();
    });
    std::vector<Span> contested;
    for (Offer& each : offers) {
      if (each.slot->filled || used_[each.span.first]) continue;
      if (is_contested(offers, each))
        contested.push_back(each.span);
      else
        put(*each.slot, std::move(each.value), each.span);
    }
    for (const Span& span : contested) use(span);
  }

  // --- behind a preposition ---

  /// What follows a preposition: a value, a name, or the words up to the next preposition or the end of the
  /// clause.
  [[nodiscard]] std::optional<Span> phrase_at(std::size_t first, const Slot& slot) const {
    while (first < tokens_.size() && !tokens_[first].capital &&
           (tokens_[first].term == "the" || tokens_[first].term == "a" || tokens_[first].term == "an"))
      ++first;
    if (first == tokens_.size() || used_[first]) return std::nullopt;
    if (is_value(first))
      return text_for(slot, tokens_[first]) ? std::optional(Span{.first = first, .last = first + 1})
                                            : std::nullopt;
    if (wants_day(slot) || wants_hour(slot) || !format_of(slot).empty()) return std::nullopt;
    if (tokens_[first].capital)
      return name_at(first, std::ranges::find(slot.roles, Role::name) == slot.roles.end());
    // Only a capital tells a place from other things that words lead to.
    const bool place = std::ranges::find(slot.roles, Role::place) != slot.roles.end() ||
                       std::ranges::find(slot.roles, Role::author) != slot.roles.end();
    if (place || !slot.required) return std::nullopt;
    std::size_t last = first;
    while (last < tokens_.size() && !used_[last] && tokens_[last].kind == TokenKind::word &&
           last - first < kPhraseMax) {
      if (is_preposition(tokens_[last].term)) break;
      ++last;
      if (tokens_[last - 1].clause_ends) break;
    }
    return last > first ? std::optional(Span{.first = first, .last = last}) : std::nullopt;
  }

  void fill_after_prepositions() {
    for (Slot* slot :
         open([](const Slot& each) { return each.kind == SlotKind::text && !each.roles.empty(); })) {
      for (std::size_t i = 0; i + 1 < tokens_.size() && !slot->filled; ++i) {
        if (is_value(i) || tokens_[i].clause_ends || !introduces(tokens_[i].term, *slot)) continue;
        const auto span = phrase_at(i + 1, *slot);
        if (!span || span->last == span->first) continue;
        put(*slot, is_value(span->first) ? *text_for(*slot, tokens_[span->first]) : json(text_of(*span)),
            *span);
      }
    }
  }

  // --- what is left, by its kind ---

  /// A URL, an address, a path, a day, a time: where one thing of the kind is left and one argument wants it.
  void fill_by_looks() {
    for (const TokenKind kind :
         {TokenKind::url, TokenKind::email, TokenKind::path, TokenKind::date, TokenKind::time}) {
      const auto values = unused(kind);
      std::vector<Slot*> wanted = open([&](const Slot& slot) {
        return slot.required && slot.kind == SlotKind::text && !values.empty() &&
               text_for(slot, tokens_[values[0]]).has_value();
      });
      if (values.size() != wanted.size()) continue;
      for (std::size_t i = 0; i < values.size(); ++i)
        if (auto value = text_for(*wanted[i], tokens_[values[i]]))
          put(*wanted[i], *std::move(value), {.first = values[i], .last = values[i] + 1});
    }
  }

  /// As many numbers as arguments that want one: in their order.
  void fill_numbers_in_order() {
    const auto values = unused(TokenKind::number);
    const auto wanted = open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::number; });
    // With one that cannot be read, which of them is the first?
    if (values.size() != wanted.size() || !unused(TokenKind::unread_number).empty()) return;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (auto value = value_for(*wanted[i], tokens_[values[i]]))
        put(*wanted[i], *std::move(value), {.first = values[i], .last = values[i] + 1});
  }

  void fill_lists() {
    const auto wanted = open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::list; });
    if (wanted.size() != 1) return;
    Slot& slot = *wanted.front();
    const auto items = slot.schema->find("items");
    const std::string type = items != slot.schema->end() && items->is_object() && items->contains("type") &&
                                     (*items)["type"].is_string()
                                 ? (*items)["type"].get<std::string>()
                                 : "";
    const bool numbers = type == "number" || type == "integer";
    if (!numbers && type != "string") return;
    if (numbers && !unused(TokenKind::unread_number).empty()) return;
    json list = json::array();
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (used_[i]) continue;
      if (tokens_[i].kind == TokenKind::list && !add_elements(tokens_[i].text, numbers, list)) return;
      if (numbers && tokens_[i].kind == TokenKind::number) {
        const auto number = number_of(tokens_[i].value);
        if (!number) return;
        list.push_back(*number);
      } else if (!numbers && tokens_[i].kind == TokenKind::quoted) {
        list.push_back(tokens_[i].value);
      } else if (!numbers && tokens_[i].capital &&
                 (i == 0 || !tokens_[i - 1].capital || tokens_[i - 1].clause_ends)) {
        if (const Span span = name_at(i, false); span.last > span.first) list.push_back(text_of(span));
      }
    }
    if (!list.empty()) put(slot, std::move(list), {});
  }

  /// False where not all of them can be read.
  static bool add_elements(const std::string& text, bool numbers, json& list) {
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

  /// One argument for text is left, and one thing in quotes.
  void fill_only_text() {
    const auto wanted = open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::text; });
    const auto quoted = unused(TokenKind::quoted);
    if (wanted.size() != 1) return;
    if (quoted.size() == 1)
      if (auto value = text_for(*wanted.front(), tokens_[quoted[0]]))
        return put(*wanted.front(), *std::move(value), {.first = quoted[0], .last = quoted[0] + 1});
    if (!named(*wanted.front(), {"location", "city", "place", "country", "name", "address", "region", "state",
                                 "team", "company", "artist", "title", "language"}))
      return;
    std::vector<Span> names;
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      if (!used_[i] && tokens_[i].capital && (names.empty() || i >= names.back().last))
        names.push_back(name_at(i, true));
    if (names.size() == 1 && names[0].last > names[0].first)
      put(*wanted.front(), json(text_of(names[0])), names[0]);
  }

  /// "echo hello": what follows the words that name the tool, where it wants nothing but a text.
  void fill_free_text() {
    const auto wanted = open([](const Slot& slot) { return slot.required && slot.kind == SlotKind::text; });
    if (wanted.size() != 1 ||
        !named(*wanted.front(), {"query", "q", "text", "message", "input", "content", "prompt", "question",
                                 "sentence", "expression", "phrase", "body"}))
      return;
    std::size_t first = 0;
    bool commanded = false;
    for (; first < tokens_.size(); ++first) {
      const Token& token = tokens_[first];
      const bool command = contains(tool_words_, token.term) || contains(wanted.front()->labels, token.term);
      if (is_value(first) || used_[first] || (!command && !terms_of(token.text).empty())) break;
      commanded = commanded || command;
    }
    if (!commanded || first == tokens_.size() ||
        std::find(used_.begin() + static_cast<std::ptrdiff_t>(first), used_.end(), true) != used_.end())
      return;
    put(*wanted.front(), json(text_of({.first = first, .last = tokens_.size()})),
        {.first = first, .last = tokens_.size()});
  }

  void fill_defaults() {
    for (Slot* slot : open([](const Slot& each) { return each.required; })) {
      for (const char* keyword : {"const", "default"}) {
        const auto value = slot->schema->find(keyword);
        if (value == slot->schema->end() || value->is_null() || *value == "") continue;
        put(*slot, *value, {});
        break;
      }
    }
  }

  const Sentence& sentence_;
  const std::vector<Token>& tokens_;
  json& params_;
  std::vector<bool> used_;
  std::vector<Slot> slots_;
  std::vector<std::string> tool_words_;
};

}  // namespace

void fill_from_sentence(const json& schema, string_view tool, const Sentence& sentence, json& params) {
  if (!schema.is_object() || !params.is_object()) return;
  Filler(schema, tool, sentence, params).run();
}

}  // namespace geminga::orchestrator
