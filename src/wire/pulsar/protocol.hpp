#pragma once

#include <algorithm>
#include <cstdint>

#include "wire/pulsar/connecting.hpp"

/// What the two ends of a connection may send each other. Both name their version, the broker never more than
/// the client's; a feature flag opens commands that the version alone does not.
namespace geminga::wire::pulsar {

/// The first version that has a thing. A peer below it must not be sent that.
namespace since {
inline constexpr std::int32_t kPing = 1;            ///< PING and PONG
inline constexpr std::int32_t kRedeliver = 2;       ///< REDELIVER_UNACKNOWLEDGED_MESSAGES
inline constexpr std::int32_t kCompression = 3;     ///< LZ4 and ZLIB
inline constexpr std::int32_t kBatches = 4;         ///< messages of a batch in one entry
inline constexpr std::int32_t kClosedByBroker = 5;  ///< CLOSE_PRODUCER and CLOSE_CONSUMER from the broker
inline constexpr std::int32_t kChecksum = 6;        ///< the CRC-32C in front of the metadata
inline constexpr std::int32_t kLookup = 7;          ///< LOOKUP
inline constexpr std::int32_t kConsumerStats = 8;   ///< CONSUMER_STATS
inline constexpr std::int32_t kEndOfTopic = 9;      ///< REACHED_END_OF_TOPIC
inline constexpr std::int32_t kProxy = 10;          ///< proxy_to_broker_url
inline constexpr std::int32_t kChecksumOfCpp = 11;  ///< before it, C++ consumers misread the checksum
inline constexpr std::int32_t kActiveConsumer =
    12;  ///< ACTIVE_CONSUMER_CHANGE; last message id; topics of a namespace
inline constexpr std::int32_t kAvroOfJson = 13;           ///< JSON schemas are told as Avro definitions
inline constexpr std::int32_t kAuthChallenge = 14;        ///< AUTH_CHALLENGE; Key_Shared
inline constexpr std::int32_t kGetOrCreateSchema = 15;    ///< GET_OR_CREATE_SCHEMA
inline constexpr std::int32_t kBrokerEntryAtBroker = 16;  ///< the broker keeps broker entry metadata
inline constexpr std::int32_t kAckReceipt = 17;           ///< ACK_RESPONSE to an ACK with a request id
inline constexpr std::int32_t kBrokerEntryAtClient = 18;  ///< the client reads it, when its flag says so too
inline constexpr std::int32_t kTransactions = 19;         ///< TC_CLIENT_CONNECT
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
/// WATCH_TOPIC_LIST and what belongs to it; here the flag is the broker's.
constexpr bool may_watch_topics(const FeatureFlags& broker) noexcept {
  return *broker.supports_topic_watchers;
}

}  // namespace geminga::wire::pulsar
