#include "orchestrator/matching/normalise.hpp"

#include <array>

#include "orchestrator/matching/ascii.hpp"

namespace geminga::orchestrator {
namespace {

// Everything here works on ASCII bytes only; a byte of a longer UTF-8 character is never equal to one, so
// such characters pass whole.

/// What stood on both sides of a marker comes together with one blank between, or none before the end of a
/// sentence.
void join_after_marker(std::string& out, std::string_view& rest) {
  while (!out.empty() && is_blank(out.back())) out.pop_back();
  const bool ends_sentence =
      !rest.empty() && std::string_view(".,?!;").find(rest.front()) != std::string_view::npos;
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (!out.empty() && !rest.empty() && !ends_sentence) out += ' ';
}

/// Takes out every "[design ...]" and "(design ...)"; one without its closing bracket is ordinary text.
std::string without_design_markers(std::string_view text) {
  std::string out;
  char no_more[2] = {};  // brackets that never close again: looking for them each time would cost n * n
  while (!text.empty()) {
    const char open = text.front();
    const char close = open == '[' ? ']' : open == '(' ? ')' : '\0';
    const std::string_view inside = text.substr(1);
    if (close != '\0' && close != no_more[0] && close != no_more[1] && starts_with_word(inside, "design")) {
      if (const std::size_t end = inside.find(close); end != std::string_view::npos) {
        text = inside.substr(end + 1);
        join_after_marker(out, text);
        continue;
      }
      no_more[close == ']' ? 0 : 1] = close;
    }
    out += open;
    text = inside;
  }
  return out;
}

std::string_view skip_punctuation(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() &&
         (is_blank(text[i]) || std::string_view(",.!;:-").find(text[i]) != std::string_view::npos))
    ++i;
  return text.substr(i);
}

/// "hey Gemini, ..." without its greeting. A greeting needs both words: "hello world" and "hi there" stay.
std::string_view without_greeting(std::string_view text) {
  for (const std::string_view greeting : {"hey", "hi", "hello"}) {
    if (!starts_with_word(text, greeting)) continue;
    const std::string_view rest = skip_punctuation(text.substr(greeting.size()));
    for (const std::string_view name : {"gemini", "assistant", "ai", "bot"})
      if (starts_with_word(rest, name)) return skip_punctuation(rest.substr(name.size()));
  }
  return text;
}

/// Length of the apostrophe at the front: ' or U+2019, as phones write it; 0 where there is none.
std::size_t apostrophe(std::string_view text) {
  if (text.starts_with('\'')) return 1;
  return text.starts_with("\xE2\x80\x99") ? 3 : 0;
}

/// "What's" -> "What is". The letters stay in their case; "IS" follows a word in capitals.
std::string with_expanded_questions(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kWords = {"when", "where", "what", "who", "how"};
  std::string out;
  bool word_start = true;
  while (!text.empty()) {
    bool expanded = false;
    for (const std::string_view word : kWords) {
      if (!word_start || !starts_with_ignoring_case(text, word)) continue;
      const std::size_t mark = apostrophe(text.substr(word.size()));
      const std::string_view tail = text.substr(word.size() + mark);
      if (mark == 0 || !starts_with_word(tail, "s")) continue;
      out += text.substr(0, word.size());
      out += tail.front() == 'S' ? " IS" : " is";
      text = tail.substr(1);
      expanded = true;
      break;
    }
    if (expanded) continue;
    word_start = !is_word_byte(text.front());
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

std::string normalise_query(std::string_view text) {
  const std::string plain = without_design_markers(trimmed(text));
  return with_expanded_questions(without_greeting(trimmed(plain)));
}

}  // namespace geminga::orchestrator
