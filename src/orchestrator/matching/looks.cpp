#include "orchestrator/matching/looks.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "orchestrator/matching/ascii.hpp"

namespace geminga::orchestrator {
namespace {

using std::string_view;

template <std::size_t N>
bool is_one_of(string_view text, const std::array<string_view, N>& list) {
  return std::ranges::find(list, text) != list.end();
}

// What may stick to a number.
constexpr std::array<string_view, 36> kUnits = {"%",
                                                "km",
                                                "m",
                                                "cm",
                                                "mm",
                                                "kg",
                                                "g",
                                                "mg",
                                                "lb",
                                                "lbs",
                                                "mi",
                                                "ft",
                                                "in",
                                                "s",
                                                "ms",
                                                "h",
                                                "hr",
                                                "hrs",
                                                "min",
                                                "l",
                                                "ml",
                                                "st",
                                                "nd",
                                                "rd",
                                                "th",
                                                "mph",
                                                "kmh",
                                                "gb",
                                                "mb",
                                                "kb",
                                                "tb",
                                                "usd",
                                                "eur",
                                                "\xC2\xB0"
                                                "c",
                                                "\xC2\xB0"
                                                "f",
                                                "m/s"};

// What makes another number of it.
constexpr std::array<string_view, 7> kShortScales = {"k", "m", "b", "bn", "mn", "mln", "mio"};

constexpr std::array<string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                 "may",       "june",     "july",     "august",
                                                 "september", "october",  "november", "december"};

/// Digits with their separators at the front: 1,000.5; empty where there are none.
string_view digits_of(string_view text) {
  std::size_t i = 0;
  while (i < text.size() && is_digit(text[i])) ++i;
  if (i == 0) return {};
  while (i + 3 < text.size() && text[i] == ',' && only_digits(text.substr(i + 1, 3)) &&
         (i + 4 == text.size() || !is_digit(text[i + 4])))
    i += 4;
  if (i + 1 < text.size() && text[i] == '.' && is_digit(text[i + 1])) {
    ++i;
    while (i < text.size() && is_digit(text[i])) ++i;
  }
  return text.substr(0, i);
}

struct Digits {
  bool negative = false;
  bool currency = false;
  string_view digits{};  // empty: it is no number
  string_view behind{};
};

Digits digits_in(string_view text) {
  Digits parts;
  for (const string_view minus : {"-", "\xE2\x88\x92"}) {
    if (!text.starts_with(minus)) continue;
    parts.negative = true;
    text.remove_prefix(minus.size());
    break;
  }
  if (!parts.negative && text.starts_with('+')) text.remove_prefix(1);
  for (const string_view currency : {"$", "\xE2\x82\xAC", "\xC2\xA3"}) {
    if (!text.starts_with(currency)) continue;
    parts.currency = true;
    text.remove_prefix(currency.size());
    break;
  }
  parts.digits = digits_of(text);
  parts.behind = text.substr(parts.digits.size());
  return parts;
}

}  // namespace

std::optional<std::string> number_in(string_view text) {
  const Digits parts = digits_in(text);
  if (parts.digits.empty()) return std::nullopt;
  if (!parts.behind.empty()) {
    // $5m and 5M are millions.
    const std::string unit = lowered(parts.behind);
    if (parts.behind == "M" || !is_one_of(unit, kUnits) || (parts.currency && unit != "usd" && unit != "eur"))
      return std::nullopt;
  }
  std::string out = parts.negative ? "-" : "";
  std::ranges::copy_if(parts.digits, std::back_inserter(out), [](char c) { return c != ','; });
  return out;
}

bool is_unread_number(string_view text) {
  const Digits parts = digits_in(text);
  if (parts.digits.empty() || parts.behind.empty()) return false;
  if (parts.behind.front() == '/') return only_digits(parts.behind.substr(1));
  for (const string_view fraction : {"\xC2\xBC", "\xC2\xBD", "\xC2\xBE"})
    if (parts.behind == fraction) return true;
  return parts.currency || is_one_of(lowered(parts.behind), kShortScales);
}

std::optional<std::string> date_of(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (year < 1000 || !date.ok()) return std::nullopt;
  return fmt::format("{:04}-{:02}-{:02}", year, month, day);
}

std::optional<std::string> date_in(string_view text) {
  const std::size_t t = text.find('T');
  if (t == 10 && text.size() > t + 4 && is_digit(text[t + 1]))
    if (const auto day = date_in(text.substr(0, t))) return *day + std::string(text.substr(t));
  const char mark = text.find('-') != string_view::npos ? '-' : '/';
  std::array<int, 3> parts{};
  std::size_t first_size = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t end = i < 2 ? text.find(mark) : text.size();
    if (end == string_view::npos || end > 4 || !only_digits(text.substr(0, end))) return std::nullopt;
    if (i == 0) first_size = end;
    for (const char c : text.substr(0, end)) parts[i] = parts[i] * 10 + (c - '0');
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  if (first_size == 4) return date_of(parts[0], parts[1], parts[2]);
  const auto month_first = date_of(parts[2], parts[0], parts[1]);
  const auto day_first = date_of(parts[2], parts[1], parts[0]);
  if (month_first && day_first && *month_first != *day_first) return std::nullopt;
  return month_first ? month_first : day_first;
}

std::optional<std::string> time_in(string_view text, string_view half) {
  std::string lower = lowered(text);
  if (half.empty() && (lower.ends_with("am") || lower.ends_with("pm"))) {
    half = lower.ends_with("am") ? "am" : "pm";
    lower.resize(lower.size() - 2);
  }
  const std::size_t colon = lower.find(':');
  const string_view hours = string_view(lower).substr(0, colon);
  const string_view minutes =
      colon == std::string::npos ? string_view("00") : string_view(lower).substr(colon + 1);
  if (half.empty() && colon == std::string::npos) return std::nullopt;
  if (!only_digits(hours) || hours.size() > 2 || !only_digits(minutes) || minutes.size() != 2)
    return std::nullopt;
  int hour = std::stoi(std::string(hours));
  if (hour > 23 || (!half.empty() && (hour > 12 || hour == 0)) || minutes[0] > '5') return std::nullopt;
  if (half == "pm" && hour < 12) hour += 12;
  if (half == "am" && hour == 12) hour = 0;
  return fmt::format("{:02}:{}", hour, minutes);
}

bool is_email(string_view text) {
  const std::size_t at = text.find('@');
  return at != string_view::npos && at > 0 && text.find('.', at) != string_view::npos &&
         text.find('@', at + 1) == string_view::npos;
}

bool is_path(string_view text) {
  for (const string_view start : {"/", "~/", "./", "../"})
    if (text.starts_with(start)) return text.size() > start.size();
  if (text.find('/') != string_view::npos) return false;
  const std::size_t dot = text.rfind('.');
  if (dot == string_view::npos || dot == 0) return false;
  const string_view ending = text.substr(dot + 1);
  return ending.size() >= 2 && ending.size() <= 5 && std::ranges::all_of(ending, is_lower) &&
         !is_digit(text.front());
}

bool is_capital(string_view text) {
  if (is_upper(text.front())) return text != "I";
  const auto lead = static_cast<unsigned char>(text[0]);
  return lead == 0xC3 && text.size() > 1 &&
         static_cast<unsigned char>(text[1]) <= 0x9E;  // A with grave to Thorn
}

int month_in(string_view text) {
  const std::string lower = lowered(text);
  for (std::size_t i = 0; i < kMonths.size(); ++i)
    if (lower == kMonths[i] || (lower.size() >= 3 && kMonths[i].substr(0, 3) == lower))
      return static_cast<int>(i) + 1;
  return 0;
}

}  // namespace geminga::orchestrator
