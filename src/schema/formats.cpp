#include "schema/formats.hpp"

#include <charconv>
#include <chrono>

#include "base/uuid.hpp"

namespace geminga::schema {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes exactly `digits` digits off the front; -1 where there are fewer.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool take_date(std::string_view& text) {
  const int year = take_number(text, 4);
  if (year < 0 || !take(text, '-')) return false;
  const int month = take_number(text, 2);
  if (month < 0 || !take(text, '-')) return false;
  const int day = take_number(text, 2);
  using std::chrono::year_month_day;
  return day >= 0 && year_month_day{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                    std::chrono::day{static_cast<unsigned>(day)}}
                         .ok();
}

bool take_clock(std::string_view& text) {
  const int hour = take_number(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return false;
  const int minute = take_number(text, 2);
  return minute >= 0 && minute <= 59;
}

/// hh:mm:ss with a fraction and an offset, both of which many servers let out.
bool take_time(std::string_view& text) {
  if (!take_clock(text)) return false;
  if (take(text, ':')) {
    const int second = take_number(text, 2);
    if (second < 0 || second > 60) return false;
    if (take(text, '.')) {
      if (text.empty() || !is_digit(text.front())) return false;
      while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
    }
  }
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return true;
  return (take(text, '+') || take(text, '-')) && take_clock(text);
}

bool is_date(std::string_view text) {
  return take_date(text) && text.empty();
}

bool is_time(std::string_view text) {
  return take_time(text) && text.empty();
}

bool is_date_time(std::string_view text) {
  if (!take_date(text) || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return false;
  return take_time(text) && text.empty();
}

bool is_email(std::string_view text) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.find('@', at + 1) == std::string_view::npos && text.find(' ') == std::string_view::npos;
}

bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  for (const char c : text.substr(0, colon)) {
    const char lower = static_cast<char>(c | 0x20);
    if (!(lower >= 'a' && lower <= 'z') && !is_digit(c) && c != '+' && c != '-' && c != '.') return false;
  }
  return text.find(' ') == std::string_view::npos;
}

bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && !take(text, '.')) return false;
    unsigned value = 256;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value > 255) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  return text.empty();
}

}  // namespace

std::string_view wanted_format(std::string_view format, std::string_view text) {
  if (format == "date" && !is_date(text)) return "a date like 2026-11-21";
  if (format == "time" && !is_time(text)) return "a time like 20:15:00";
  if (format == "date-time" && !is_date_time(text)) return "a time like 2026-11-21T20:15:03Z";
  if (format == "email" && !is_email(text)) return "an address like name@example.com";
  if (format == "uri" && !is_uri(text)) return "a URI like https://example.com/page";
  if (format == "uuid" && !base::is_uuid(text)) return "a UUID";
  if (format == "ipv4" && !is_ipv4(text)) return "an address like 192.0.2.1";
  return {};
}

}  // namespace geminga::schema
