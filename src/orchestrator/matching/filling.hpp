#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "orchestrator/matching/slots.hpp"
#include "orchestrator/matching/values.hpp"

namespace geminga::orchestrator {

/// A piece of the sentence: tokens from `first` to before `last`.
struct Span {
  std::size_t first = 0;
  std::size_t last = 0;
};

/// The arguments of one tool while they are filled from a sentence: what is still wanted, what is still free.
struct Filling {
  /// All of them must live longer. What `params_in` has already is set aside in the sentence.
  Filling(const nlohmann::json& schema, std::string_view tool, const Sentence& sentence_in,
          nlohmann::json& params_in);

  const Sentence& sentence;
  const std::vector<Token>& tokens;
  nlohmann::json& params;
  std::vector<bool> used;  ///< by token: its value is taken
  std::vector<Slot> slots;
  std::vector<std::string> tool_words;

  /// A number that cannot be read is a word like others: "search for 4k monitors".
  [[nodiscard]] bool is_value(std::size_t i) const {
    return tokens[i].kind != TokenKind::word && tokens[i].kind != TokenKind::unread_number;
  }
  [[nodiscard]] std::vector<std::size_t> unused(TokenKind kind) const;
  /// Words in capitals from `first` on: "New York, NY", "Eiffel Tower".
  [[nodiscard]] Span name_at(std::size_t first, bool across_comma) const;
  [[nodiscard]] std::string text_of(Span span) const;

  void use(Span span);
  /// Fills the slot; the span is used.
  void put(Slot& slot, nlohmann::json value, Span span);

  /// The slots that nothing has filled yet and `wanted` says yes to, in their order.
  template <class Wanted>
  std::vector<Slot*> open(Wanted wanted) {
    std::vector<Slot*> found;
    for (Slot& slot : slots)
      if (!slot.filled && wanted(slot)) found.push_back(&slot);
    return found;
  }

 private:
  void set_aside(const nlohmann::json& value);
  bool set_aside_between(std::size_t begin, std::size_t end);
};

}  // namespace geminga::orchestrator
