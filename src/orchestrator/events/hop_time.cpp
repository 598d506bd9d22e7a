#include "orchestrator/events/hop_time.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// The fourth to sixth digit of ".123456"; absent ones are 0.
microseconds beyond_milliseconds(std::string_view text) {
  const auto point = text.find('.');
  int value = 0;
  int scale = 100;
  for (std::size_t i = point == std::string_view::npos ? text.size() : point + 1; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') break;
    if (i < point + 4) continue;
    value += (text[i] - '0') * scale;
    scale /= 10;
  }
  return microseconds{value};
}

}  // namespace

HopTime hop_now() {
  return std::chrono::floor<microseconds>(std::chrono::system_clock::now());
}

std::string hop_time_text(HopTime time) {
  const auto cut = std::chrono::floor<milliseconds>(time);
  auto text = base::to_iso8601(cut);
  text.insert(text.size() - 1, fmt::format("{:03}", (time - cut).count()));
  return text;
}

Result<HopTime> parse_hop_time(std::string_view text) {
  GEMINGA_TRY(const Timestamp cut, base::parse_iso8601(text));
  return cut + beyond_milliseconds(text);
}

}  // namespace geminga::orchestrator
