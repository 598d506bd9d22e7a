#include "base/clock.hpp"

#include <cstdio>
#include <ctime>

#include <fmt/format.h>

namespace geminga::base {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp wall_now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] MonotonicTime monotonic_now() const override { return std::chrono::steady_clock::now(); }
};

struct Fields {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

/// Digits and marks where "2026-11-21T20:15:03" has them; sscanf alone would take signs and blanks too.
bool has_form(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return false;
  }
  return true;
}

bool in_range(const Fields& f) {
  return f.month >= 1 && f.month <= 12 && f.day >= 1 && f.day <= 31 && f.hour >= 0 && f.hour <= 23 &&
         f.minute >= 0 && f.minute <= 59 && f.second >= 0 && f.second <= 60;
}

/// Takes ".123" off the front; absent is 0 ms, more than three digits are cut.
std::chrono::milliseconds take_fraction(std::string_view& rest) {
  if (rest.empty() || rest.front() != '.') return {};
  rest.remove_prefix(1);
  int value = 0;
  int scale = 100;
  while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
    value += (rest.front() - '0') * scale;
    scale /= 10;
    rest.remove_prefix(1);
  }
  return std::chrono::milliseconds{value};
}

/// "Z" or "+hh:mm"; false for anything else.
bool read_offset(std::string_view rest, std::chrono::minutes& offset) {
  if (rest == "Z" || rest == "z") return true;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return false;
  int digits[4];
  for (std::size_t i = 0; i < 4; ++i) {
    const char c = rest[i < 2 ? i + 1 : i + 2];
    if (c < '0' || c > '9') return false;
    digits[i] = c - '0';
  }
  const int hours = digits[0] * 10 + digits[1];
  const int minutes = digits[2] * 10 + digits[3];
  if (hours > 23 || minutes > 59) return false;
  offset = std::chrono::minutes{(rest[0] == '-' ? -1 : 1) * (hours * 60 + minutes)};
  return true;
}

}  // namespace

Clock& Clock::system() {
  static SystemClock& clock = *new SystemClock;  // never destroyed, as FileSystem::system()
  return clock;
}

std::string to_iso8601(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<Timestamp> parse_iso8601(std::string_view text) {
  Fields f;
  int used = 0;
  const std::string copy(text);
  const bool matched =
      has_form(text) && std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &f.year, &f.month, &f.day,
                                    &f.hour, &f.minute, &f.second, &used) == 6;
  std::string_view rest = matched ? text.substr(static_cast<std::size_t>(used)) : std::string_view{};
  const std::chrono::milliseconds fraction = take_fraction(rest);
  std::chrono::minutes offset{0};
  if (!matched || !in_range(f) || !read_offset(rest, offset)) {
    return fail(ErrorCode::parse_error,
                fmt::format("'{}' is not an ISO 8601 time like 2026-11-21T20:15:03.123Z", text));
  }
  const std::chrono::year_month_day date{std::chrono::year{f.year},
                                         std::chrono::month{static_cast<unsigned>(f.month)},
                                         std::chrono::day{static_cast<unsigned>(f.day)}};
  const Timestamp time{std::chrono::sys_days{date}.time_since_epoch() + std::chrono::hours{f.hour} +
                       std::chrono::minutes{f.minute} + std::chrono::seconds{f.second} + fraction - offset};
  const std::chrono::year_month_day in_utc{std::chrono::floor<std::chrono::days>(time)};
  // What goes in must come out again: four digits of a year, and no 31st of February.
  if (!date.ok() || in_utc.year() < std::chrono::year{0} || in_utc.year() > std::chrono::year{9999})
    return fail(ErrorCode::parse_error, fmt::format("'{}' is no day of the years 0000 to 9999", text));
  return time;
}

}  // namespace geminga::base
