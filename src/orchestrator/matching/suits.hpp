#pragma once

#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "orchestrator/matching/slots.hpp"
#include "orchestrator/matching/values.hpp"

/// Does a value of a sentence suit an argument.
namespace geminga::orchestrator {

/// `format` of the slot's schema; empty: none.
std::string_view format_of(const Slot& slot);
bool wants_day(const Slot& slot);
bool wants_hour(const Slot& slot);

/// The token as a value of a slot for text; nothing where it is of another kind.
std::optional<nlohmann::json> text_for(const Slot& slot, const Token& token);
/// The same for a slot of any kind.
std::optional<nlohmann::json> value_for(const Slot& slot, const Token& token);

}  // namespace geminga::orchestrator
