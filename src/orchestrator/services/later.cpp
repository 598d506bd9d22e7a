#include "orchestrator/services/later.hpp"

#include <algorithm>
#include <utility>

#include "orchestrator/services/retry_worker.hpp"

namespace geminga::orchestrator {

using std::chrono::milliseconds;

Timestamp next_attempt_at(const Core& core, std::uint32_t failed, milliseconds at_least) {
  const auto& tiers = core.options.settings.retry_delays;
  const auto tier = tiers.empty() ? milliseconds{0} : tiers[std::min<std::size_t>(failed, tiers.size() - 1)];
  // The clock was cut to milliseconds; one more and it is never early.
  return core.now() + std::max(tier, at_least) + milliseconds{1};
}

TopicMessage later_message(const Core& core, const Envelope& envelope, Retried retried, Timestamp at) {
  const auto topic = core.retry_by_topics ? retry_tier(retried.attempt - 1) : retried.role;
  auto message = core.message(topic, envelope, retried.status, std::move(retried.body));
  auto& properties = message.message.properties;
  properties.emplace(kAttempt, std::to_string(retried.attempt));
  if (!core.retry_by_topics) {
    message.message.deliver_at = at;
    return message;
  }
  properties.emplace(kDueAt, std::to_string(at.time_since_epoch().count()));
  if (retried.role != TopicRole::tool_signals) properties.emplace(kDueFor, to_string(retried.role));
  return message;
}

}  // namespace geminga::orchestrator
