#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace geminga::cli {

/// The content of a tool's answer, or the plan, on stdout.
void print_answer(const nlohmann::ordered_json& answer);
/// "tool clock/get_current_time, request 5d2f..., 12 ms"
std::string answer_summary(const nlohmann::ordered_json& answer, double milliseconds);

}  // namespace geminga::cli
