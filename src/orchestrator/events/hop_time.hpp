#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::orchestrator {

/// When a hop began or ended, to the microsecond. For people to read: nothing is decided by it.
using HopTime = std::chrono::sys_time<std::chrono::microseconds>;

/// By the machine's clock.
HopTime hop_now();
/// "2026-11-21T20:15:03.123456Z"
std::string hop_time_text(HopTime time);
/// Accepts what base::parse_iso8601 accepts. Errors: parse_error.
Result<HopTime> parse_hop_time(std::string_view text);

}  // namespace geminga::orchestrator
