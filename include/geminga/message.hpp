#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <geminga/types.hpp>

namespace geminga {

/// What a producer sends. Body at most 5 MiB (Bus option max_message_bytes); an empty body is a message too.
struct OutgoingMessage {
  std::string body;
  std::string key;  ///< sharding key: same key, same order; empty: none
  Properties properties;
  std::optional<Timestamp> event_time;
  std::optional<Timestamp> deliver_at;  ///< not before; see Feature::delayed_delivery
  std::optional<std::chrono::milliseconds>
      deliver_after;  ///< instead of deliver_at, from the moment of the send
  /// The application's own id for deduplication, rising per producer's name, below 2^63. One that is at or
  /// below the highest that is durable is not stored again: its send gives the id of the first, or
  /// MessageId::unknown(). So while one that was refused and can be sent again was not, higher ones are
  /// refused with its error; a new producer of the name leaves it out. See
  /// Feature::deduplicate_by_application_id.
  std::optional<std::uint64_t> sequence_id;
  bool operator==(const OutgoingMessage&) const = default;
};

/// What a consumer or reader gets.
struct Message {
  MessageId id;
  std::string topic;
  std::string body;
  std::string key;
  Properties properties;
  Timestamp publish_time{};  ///< when the broker took it; never decreasing in a topic
  std::optional<Timestamp> event_time;
  std::uint32_t redelivery_count = 0;  ///< 0 at the first delivery
  std::string producer_name;
  std::uint64_t sequence_id = 0;
};

/// Messages for one topic, as part of an atomic step (Bus::forward).
struct TopicMessage {
  std::string topic;
  OutgoingMessage message;
};

}  // namespace geminga
