#pragma once

#include <optional>

#include <geminga/error.hpp>
#include <geminga/policies.hpp>
#include <geminga/types.hpp>

namespace geminga::broker {

/// A property of subscriptions: "hold" or "deliver", what exclusive and failover do with a message that has a
/// time of delivery. Shared and key_shared hold it in any case.
inline constexpr char kDelayProperty[] = "geminga.delay";
inline constexpr char kHold[] = "hold";
inline constexpr char kDeliver[] = "deliver";

/// Errors: invalid_argument (another value).
Result<> check_properties(const Properties& properties);

/// Whether messages wait for their time: what the subscription says itself goes before `policy`, and where
/// nobody says anything they do not.
bool holds_delayed(SubscriptionType type, const Properties& properties, std::optional<DelayOnOrdered> policy);

}  // namespace geminga::broker
