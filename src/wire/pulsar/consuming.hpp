#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/types.hpp"

/// What a consumer and its broker say.
namespace geminga::wire::pulsar {

enum class SubscriptionType : std::uint8_t { exclusive = 0, shared = 1, failover = 2, key_shared = 3 };
constexpr SubscriptionType last_of(SubscriptionType) {
  return SubscriptionType::key_shared;
}

enum class InitialPosition : std::uint8_t { latest = 0, earliest = 1 };
constexpr InitialPosition last_of(InitialPosition) {
  return InitialPosition::earliest;
}

enum class KeySharedMode : std::uint8_t { auto_split = 0, sticky = 1 };
constexpr KeySharedMode last_of(KeySharedMode) {
  return KeySharedMode::sticky;
}

struct KeySharedMeta {
  static constexpr std::string_view kName = "KeySharedMeta";
  KeySharedMode key_shared_mode = KeySharedMode{};
  Repeated<IntRange> hash_ranges;
  Optional<bool> allow_out_of_order_delivery;
  static constexpr auto kFields =
      fields(field(1, &KeySharedMeta::key_shared_mode), field(3, &KeySharedMeta::hash_ranges),
             field(4, &KeySharedMeta::allow_out_of_order_delivery));
};

struct CommandSubscribe {
  static constexpr std::string_view kName = "CommandSubscribe";
  std::string_view topic;
  std::string_view subscription;
  SubscriptionType sub_type = SubscriptionType{};
  std::uint64_t consumer_id = 0;
  std::uint64_t request_id = 0;
  Optional<std::string_view> consumer_name;
  Optional<std::int32_t> priority_level;
  Optional<bool> durable = Default{true};
  Optional<MessageIdData> start_message_id;
  Repeated<KeyValue> metadata;
  Optional<bool> read_compacted;
  Optional<Schema> schema;
  Optional<InitialPosition> initial_position;
  Optional<bool> replicate_subscription_state;
  Optional<bool> force_topic_creation = Default{true};
  Optional<std::uint64_t> start_message_rollback_duration_sec;
  Optional<KeySharedMeta> key_shared_meta;
  Repeated<KeyValue> subscription_properties;
  Optional<std::uint64_t> consumer_epoch;
  static constexpr auto kFields = fields(
      field(1, &CommandSubscribe::topic), field(2, &CommandSubscribe::subscription),
      field(3, &CommandSubscribe::sub_type), field(4, &CommandSubscribe::consumer_id),
      field(5, &CommandSubscribe::request_id), field(6, &CommandSubscribe::consumer_name),
      field(7, &CommandSubscribe::priority_level), field(8, &CommandSubscribe::durable),
      field(9, &CommandSubscribe::start_message_id), field(10, &CommandSubscribe::metadata),
      field(11, &CommandSubscribe::read_compacted), field(12, &CommandSubscribe::schema),
      field(13, &CommandSubscribe::initial_position),
      field(14, &CommandSubscribe::replicate_subscription_state),
      field(15, &CommandSubscribe::force_topic_creation),
      field(16, &CommandSubscribe::start_message_rollback_duration_sec),
      field(17, &CommandSubscribe::key_shared_meta), field(18, &CommandSubscribe::subscription_properties),
      field(19, &CommandSubscribe::consumer_epoch));
};

struct CommandFlow {
  static constexpr std::string_view kName = "CommandFlow";
  std::uint64_t consumer_id = 0;
  std::uint32_t message_permits = 0;  ///< in addition to those it had
  static constexpr auto kFields =
      fields(field(1, &CommandFlow::consumer_id), field(2, &CommandFlow::message_permits));
};

struct CommandMessage {
  static constexpr std::string_view kName = "CommandMessage";
  std::uint64_t consumer_id = 0;
  MessageIdData message_id;
  Optional<std::uint32_t> redelivery_count;
  Repeated<std::int64_t> ack_set;
  Optional<std::uint64_t> consumer_epoch;
  static constexpr auto kFields =
      fields(field(1, &CommandMessage::consumer_id), field(2, &CommandMessage::message_id),
             field(3, &CommandMessage::redelivery_count), field(4, &CommandMessage::ack_set),
             field(5, &CommandMessage::consumer_epoch));
};

enum class AckType : std::uint8_t { individual = 0, cumulative = 1 };
constexpr AckType last_of(AckType) {
  return AckType::cumulative;
}

enum class ValidationError : std::uint8_t {
  uncompressed_size_corruption = 0,
  decompression = 1,
  checksum_mismatch = 2,
  batch_deserialize = 3,
  decryption = 4
};
constexpr ValidationError last_of(ValidationError) {
  return ValidationError::decryption;
}

struct CommandAck {
  static constexpr std::string_view kName = "CommandAck";
  std::uint64_t consumer_id = 0;
  AckType ack_type = AckType{};
  Repeated<MessageIdData> message_id;
  Optional<ValidationError> validation_error;  ///< why the client threw it away
  Repeated<KeyLongValue> properties;
  Optional<std::uint64_t> txnid_least_bits;
  Optional<std::uint64_t> txnid_most_bits;
  Optional<std::uint64_t> request_id;  ///< present: the client wants a response
  static constexpr auto kFields =
      fields(field(1, &CommandAck::consumer_id), field(2, &CommandAck::ack_type),
             field(3, &CommandAck::message_id), field(4, &CommandAck::validation_error),
             field(5, &CommandAck::properties), field(6, &CommandAck::txnid_least_bits),
             field(7, &CommandAck::txnid_most_bits), field(8, &CommandAck::request_id));
};

struct CommandAckResponse {
  static constexpr std::string_view kName = "CommandAckResponse";
  std::uint64_t consumer_id = 0;
  Optional<std::uint64_t> txnid_least_bits;
  Optional<std::uint64_t> txnid_most_bits;
  Optional<ServerError> error;
  Optional<std::string_view> message;
  Optional<std::uint64_t> request_id;
  static constexpr auto kFields =
      fields(field(1, &CommandAckResponse::consumer_id), field(2, &CommandAckResponse::txnid_least_bits),
             field(3, &CommandAckResponse::txnid_most_bits), field(4, &CommandAckResponse::error),
             field(5, &CommandAckResponse::message), field(6, &CommandAckResponse::request_id));
};

struct CommandRedeliverUnacknowledgedMessages {
  static constexpr std::string_view kName = "CommandRedeliverUnacknowledgedMessages";
  std::uint64_t consumer_id = 0;
  Repeated<MessageIdData> message_ids;  ///< none: all
  Optional<std::uint64_t> consumer_epoch;
  static constexpr auto kFields = fields(field(1, &CommandRedeliverUnacknowledgedMessages::consumer_id),
                                         field(2, &CommandRedeliverUnacknowledgedMessages::message_ids),
                                         field(3, &CommandRedeliverUnacknowledgedMessages::consumer_epoch));
};

struct CommandActiveConsumerChange {
  static constexpr std::string_view kName = "CommandActiveConsumerChange";
  std::uint64_t consumer_id = 0;
  Optional<bool> is_active;
  static constexpr auto kFields = fields(field(1, &CommandActiveConsumerChange::consumer_id),
                                         field(2, &CommandActiveConsumerChange::is_active));
};

struct CommandCloseConsumer {
  static constexpr std::string_view kName = "CommandCloseConsumer";
  std::uint64_t consumer_id = 0;
  std::uint64_t request_id = 0;
  Optional<std::string_view> assigned_broker_service_url;
  Optional<std::string_view> assigned_broker_service_url_tls;
  static constexpr auto kFields =
      fields(field(1, &CommandCloseConsumer::consumer_id), field(2, &CommandCloseConsumer::request_id),
             field(3, &CommandCloseConsumer::assigned_broker_service_url),
             field(4, &CommandCloseConsumer::assigned_broker_service_url_tls));
};

struct CommandUnsubscribe {
  static constexpr std::string_view kName = "CommandUnsubscribe";
  std::uint64_t consumer_id = 0;
  std::uint64_t request_id = 0;
  Optional<bool> force;
  static constexpr auto kFields =
      fields(field(1, &CommandUnsubscribe::consumer_id), field(2, &CommandUnsubscribe::request_id),
             field(3, &CommandUnsubscribe::force));
};

}  // namespace geminga::wire::pulsar
