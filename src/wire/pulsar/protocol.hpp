#pragma once

#include <algorithm>
#include <cstdint>

#include "wire/pulsar/connecting.hpp"

/// What the two ends of a connection may send each other. Both name their version, the broker never more than
/// the client's; a feature flag opens commands that the version alone does not.
namespace geminga::wire::pulsar {

/// The first version that has a thing. A peer below it must not be sent that.
namespace since {
inline constexpr std::int32_t kEndOfTopic = 9;            ///< REACHED_END_OF_TOPIC
inline constexpr std::int32_t kActiveConsumer = 12;       ///< ACTIVE_CONSUMER_CHANGE
inline constexpr std::int32_t kAuthChallenge = 14;        ///< AUTH_CHALLENGE
inline constexpr std::int32_t kBrokerEntryAtClient = 18;  ///< the client reads it, when its flag says so too
inline constexpr std::int32_t kTopicMigrated = 20;        ///< TOPIC_MIGRATED
inline constexpr std::int32_t kAutoConsumeSchema = 21;  ///< SUBSCRIBE may carry the schema type auto_consume
}  // namespace since

/// What this library speaks.
inline constexpr std::int32_t kProtocolVersion = since::kAutoConsumeSchema;

/// What a broker answers in CONNECTED, and what holds from then on.
constexpr std::int32_t agreed_version(std::int32_t client_version) noexcept {
  return std::min(client_version, kProtocolVersion);
}

/// What a connection may use, from the agreed version and what the other end's flags say.
constexpr bool may_challenge(std::int32_t version, const FeatureFlags& client) noexcept {
  return version >= since::kAuthChallenge && *client.supports_auth_refresh;
}
constexpr bool may_send_broker_entry(std::int32_t version, const FeatureFlags& client) noexcept {
  return version >= since::kBrokerEntryAtClient && *client.supports_broker_entry_metadata;
}
constexpr bool may_tell_end_of_topic(std::int32_t version) noexcept {
  return version >= since::kEndOfTopic;
}
constexpr bool may_tell_active_consumer(std::int32_t version) noexcept {
  return version >= since::kActiveConsumer;
}
/// WATCH_TOPIC_LIST and what belongs to it; here the flag is the broker's.
constexpr bool may_watch_topics(const FeatureFlags& broker) noexcept {
  return *broker.supports_topic_watchers;
}

}  // namespace geminga::wire::pulsar
