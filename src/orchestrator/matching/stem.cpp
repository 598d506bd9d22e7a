#include "orchestrator/matching/stem.hpp"

#include <algorithm>
#include <string_view>

#include "orchestrator/matching/ascii.hpp"

namespace geminga::orchestrator {
namespace {

bool is_consonant(std::string_view word, std::size_t i) {
  switch (word[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u':
      return false;
    case 'y':
      return i == 0 || !is_consonant(word, i - 1);
    default:
      return true;
  }
}

/// How many times a vowel is followed by a consonant: Porter's m.
int measure(std::string_view word) {
  int count = 0;
  for (std::size_t i = 1; i < word.size(); ++i)
    if (is_consonant(word, i) && !is_consonant(word, i - 1)) ++count;
  return count;
}

bool has_vowel(std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i)
    if (!is_consonant(word, i)) return true;
  return false;
}

bool ends_in_double_consonant(std::string_view word) {
  const std::size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

/// Consonant, vowel, consonant other than w, x, y: "hop", "fil". Porter's *o.
bool ends_short(std::string_view word) {
  const std::size_t n = word.size();
  return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) && is_consonant(word, n - 1) &&
         std::string_view("wxy").find(word[n - 1]) == std::string_view::npos;
}

void remove_plural(std::string& word) {
  if (word.ends_with("sses") || word.ends_with("ies"))
    word.resize(word.size() - 2);
  else if (word.ends_with('s') && !word.ends_with("ss"))
    word.pop_back();
}

/// After -ed or -ing is gone: "creat" -> "create", "runn" -> "run", "fil" -> "file".
void restore(std::string& word) {
  if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz"))
    word += 'e';
  else if (ends_in_double_consonant(word) &&
           std::string_view("lsz").find(word.back()) == std::string_view::npos)
    word.pop_back();
  else if (measure(word) == 1 && ends_short(word))
    word += 'e';
}

void remove_past_and_gerund(std::string& word) {
  const std::string_view view = word;
  if (view.ends_with("eed")) {
    if (measure(view.substr(0, view.size() - 3)) > 0) word.pop_back();
    return;
  }
  for (const std::string_view ending : {"ed", "ing"}) {
    if (!view.ends_with(ending)) continue;
    if (has_vowel(view.substr(0, view.size() - ending.size()))) {
      word.resize(word.size() - ending.size());
      restore(word);
    }
    return;
  }
}

void remove_final_e(std::string& word) {
  if (!word.ends_with('e')) return;
  const std::string_view rest = std::string_view(word).substr(0, word.size() - 1);
  const int m = measure(rest);
  if (m > 1 || (m == 1 && !ends_short(rest))) word.pop_back();
}

}  // namespace

std::string stem(std::string word) {
  if (word.size() <= 2 || !std::ranges::all_of(word, is_lower)) return word;
  remove_plural(word);
  remove_past_and_gerund(word);
  if (word.ends_with('y') && has_vowel(std::string_view(word).substr(0, word.size() - 1))) word.back() = 'i';
  remove_final_e(word);
  if (word.ends_with("ll") && measure(word) > 1) word.pop_back();
  return word;
}

}  // namespace geminga::orchestrator
