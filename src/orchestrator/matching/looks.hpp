#pragma once

#include <optional>
#include <string>
#include <string_view>

/// What a piece of a sentence without blanks looks like. Where it could be two things it is neither.
namespace geminga::orchestrator {

/// 12, -3.5, 1,000, $20, 45%, 10km: its digits.
std::optional<std::string> number_in(std::string_view text);
/// 2k, $5m, 5M, 3/4: another number than its digits.
bool is_unread_number(std::string_view text);

/// YYYY-MM-DD, where there is such a day.
std::optional<std::string> date_of(int year, int month, int day);
/// 2024-05-01, 2024/5/1, with or without a time behind a T; 25/12/2024 where only one order is a date.
std::optional<std::string> date_in(std::string_view text);
/// "may", "Dec": 1 to 12; 0: no month.
int month_in(std::string_view text);
/// 14:30, 2:30pm, 3pm; `half` is "am" or "pm" where it stood apart.
std::optional<std::string> time_in(std::string_view text, std::string_view half = {});

bool is_email(std::string_view text);
/// /srv/x, ~/notes, main.cpp
bool is_path(std::string_view text);
/// Begins with a capital, and is not "I". Not empty.
bool is_capital(std::string_view text);

}  // namespace geminga::orchestrator
