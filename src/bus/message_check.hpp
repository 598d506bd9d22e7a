#pragma once

#include <geminga/bus.hpp>

#include "base/clock.hpp"

namespace geminga::bus {

/// Limits beside BusOptions::max_message_bytes, the same for every engine.
inline constexpr std::size_t kKeyBytesMax = 64UL << 10;
inline constexpr std::size_t kPropertiesBytesMax = 1UL << 20;

/// Refuses what the engine cannot take and turns deliver_after into deliver_at. Errors: too_large,
/// invalid_argument, unsupported_by_engine (with the reason).
Result<> check_message(OutgoingMessage& message, const BusOptions& options, const Capabilities& capabilities,
                       const base::Clock& clock);

/// Errors: unsupported_by_engine with the engine's reason, where `feature` is impossible.
Result<> require(const Capabilities& capabilities, Feature feature);
/// For this topic, a full name. Errors: invalid_argument too (it is non-persistent).
Result<> require_compaction(const Capabilities& capabilities, std::string_view topic);

}  // namespace geminga::bus
