#include "broker/delay_choice.hpp"

#include <fmt/format.h>

namespace geminga::broker {

Result<> check_properties(const Properties& properties) {
  const auto delay = properties.find(kDelayProperty);
  if (delay == properties.end() || delay->second == kHold || delay->second == kDeliver) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("the property {} of a subscription is '{}'; there are: {}, {}", kDelayProperty,
                          delay->second, kHold, kDeliver));
}

bool holds_delayed(SubscriptionType type, const Properties& properties,
                   std::optional<DelayOnOrdered> policy) {
  if (type == SubscriptionType::shared || type == SubscriptionType::key_shared) return true;
  if (const auto delay = properties.find(kDelayProperty); delay != properties.end())
    return delay->second == kHold;
  return policy == DelayOnOrdered::hold;
}

}  // namespace geminga::broker
