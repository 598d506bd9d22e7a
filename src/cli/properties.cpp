#include "cli/properties.hpp"

#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::cli {
namespace {

constexpr std::string_view kBlanks = " \t\f";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(char sign) {
  return kBlanks.find(sign) != std::string_view::npos;
}

std::string_view without_blanks_before(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

/// Lines as a person counts them, and those that go on put together.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  /// The next that is neither empty nor a comment, and where it begins.
  std::optional<std::string> next(std::size_t& line) {
    while (!rest_.empty()) {
      std::string_view natural = without_blanks_before(take());
      line = number_;
      if (natural.empty() || natural.front() == '#' || natural.front() == '!') continue;
      std::string whole;
      while (goes_on(natural)) {
        whole += natural.substr(0, natural.size() - 1);
        natural = without_blanks_before(take());
      }
      return whole += natural;
    }
    return std::nullopt;
  }

 private:
  std::string_view take() {
    const std::size_t end = std::min(rest_.find_first_of("\r\n"), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end);
    rest_.remove_prefix(rest_.starts_with("\r\n") ? 2 : std::min<std::size_t>(1, rest_.size()));
    ++number_;
    return line;
  }
  /// An odd number of backslashes at its end.
  static bool goes_on(std::string_view line) {
    const std::size_t last = line.find_last_not_of('\\');
    const std::size_t count = line.size() - (last == std::string_view::npos ? 0 : last + 1);
    return count % 2 == 1;
  }

  std::string_view rest_;
  std::size_t number_ = 0;
};

std::optional<std::uint32_t> four_digits(std::string_view text) {
  std::uint32_t number = 0;
  if (text.size() < 4) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, number, 16);
  return error == std::errc{} && end == text.data() + 4 ? std::optional(number) : std::nullopt;
}

void append_utf8(std::string& out, std::uint32_t sign) {
  if (sign < 0x80) {
    out += static_cast<char>(sign);
  } else if (sign < 0x800) {
    out += static_cast<char>(0xC0 | sign >> 6);
    out += static_cast<char>(0x80 | (sign & 0x3F));
  } else if (sign < 0x10000) {
    out += static_cast<char>(0xE0 | sign >> 12);
    out += static_cast<char>(0x80 | (sign >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (sign & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | sign >> 18);
    out += static_cast<char>(0x80 | (sign >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (sign >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (sign & 0x3F));
  }
}

/// `text` begins behind "\u". Takes what belongs to it.
Result<std::uint32_t> take_numbered(std::string_view& text) {
  const auto wrong = [] {
    return fail(ErrorCode::config_error,
                "\\u needs four hexadecimal digits of a sign; write a backslash as \\\\");
  };
  const auto first = four_digits(text);
  if (!first || (*first >= 0xDC00 && *first < 0xE000)) return wrong();
  text.remove_prefix(4);
  if (*first < 0xD800 || *first >= 0xE000) return *first;
  if (!text.starts_with("\\u")) return wrong();
  const auto second = four_digits(text.substr(2));
  if (!second || *second < 0xDC00 || *second >= 0xE000) return wrong();
  text.remove_prefix(6);
  return 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00);
}

Result<std::string> unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char sign = text.front();
    text.remove_prefix(1);
    if (sign != '\\' || text.empty()) {
      out += sign;
      continue;
    }
    const char escaped = text.front();
    text.remove_prefix(1);
    switch (escaped) {
      case 't':
        out += '\t';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u': {
        GEMINGA_TRY(const std::uint32_t number, take_numbered(text));
        append_utf8(out, number);
        break;
      }
      default:
        out += escaped;
    }
  }
  return out;
}

/// Where the key ends: the first sign that separates and has no backslash before it.
std::size_t end_of_key(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && line[at] != '=' && line[at] != ':' && !is_blank(line[at]))
    at += line[at] == '\\' ? 2 : 1;
  return std::min(at, line.size());
}

Result<Property> property_of(std::string_view line) {
  const std::size_t end = end_of_key(line);
  Property property;
  GEMINGA_TRY(property.key, unescaped(line.substr(0, end)));
  std::string_view value = without_blanks_before(line.substr(end));
  if (!value.empty() && (value.front() == '=' || value.front() == ':'))
    value = without_blanks_before(value.substr(1));
  GEMINGA_TRY(property.value, unescaped(value));
  property.value.erase(property.value.find_last_not_of(kBlanks) + 1);
  return property;
}

}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text) {
  std::vector<Property> found;
  Lines lines(text);
  std::size_t number = 0;
  while (const auto line = lines.next(number)) {
    auto property = property_of(*line);
    if (!property)
      return fail(ErrorCode::config_error, fmt::format("{}: {}", number, property.error().message));
    property->line = number;
    found.push_back(*std::move(property));
  }
  return found;
}

}  // namespace geminga::cli
