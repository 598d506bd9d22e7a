#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

/// ASCII by bytes, the same in every locale. Bytes of longer UTF-8 characters count as parts of a word.
namespace geminga::orchestrator {

constexpr bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_word_byte(char c) {
  return is_upper(c) || is_lower(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}
constexpr char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool only_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

inline std::string lowered(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

/// Without the blanks at its ends.
constexpr std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// `lower` is in lower case.
constexpr bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i)
    if (to_lower(text[i]) != lower[i]) return false;
  return true;
}

/// The same, and the word ends there.
constexpr bool starts_with_word(std::string_view text, std::string_view lower) {
  return starts_with_ignoring_case(text, lower) &&
         (text.size() == lower.size() || !is_word_byte(text[lower.size()]));
}

}  // namespace geminga::orchestrator
