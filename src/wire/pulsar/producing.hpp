#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/types.hpp"

/// What a producer and its broker say.
namespace geminga::wire::pulsar {

enum class ProducerAccessMode : std::uint8_t {
  shared = 0,
  exclusive = 1,
  wait_for_exclusive = 2,
  exclusive_with_fencing = 3
};
constexpr ProducerAccessMode last_of(ProducerAccessMode) {
  return ProducerAccessMode::exclusive_with_fencing;
}

struct CommandProducer {
  static constexpr std::string_view kName = "CommandProducer";
  std::string_view topic;
  std::uint64_t producer_id = 0;
  std::uint64_t request_id = 0;
  Optional<std::string_view> producer_name;
  Optional<bool> encrypted;
  Repeated<KeyValue> metadata;
  Optional<Schema> schema;
  Optional<std::uint64_t> epoch;  ///< of the handle; one more with each reconnect
  Optional<bool> user_provided_producer_name = Default{true};
  Optional<ProducerAccessMode> producer_access_mode;
  Optional<std::uint64_t> topic_epoch;
  Optional<bool> txn_enabled;
  Optional<std::string_view> initial_subscription_name;
  static constexpr auto kFields = fields(
      field(1, &CommandProducer::topic), field(2, &CommandProducer::producer_id),
      field(3, &CommandProducer::request_id), field(4, &CommandProducer::producer_name),
      field(5, &CommandProducer::encrypted), field(6, &CommandProducer::metadata),
      field(7, &CommandProducer::schema), field(8, &CommandProducer::epoch),
      field(9, &CommandProducer::user_provided_producer_name),
      field(10, &CommandProducer::producer_access_mode), field(11, &CommandProducer::topic_epoch),
      field(12, &CommandProducer::txn_enabled), field(13, &CommandProducer::initial_subscription_name));
};

struct CommandProducerSuccess {
  static constexpr std::string_view kName = "CommandProducerSuccess";
  std::uint64_t request_id = 0;
  std::string_view producer_name;
  Optional<std::int64_t> last_sequence_id = Default{std::int64_t{-1}};
  Optional<std::string_view> schema_version;
  Optional<std::uint64_t> topic_epoch;
  Optional<bool> producer_ready = Default{true};  ///< false: it waits for the topic, a second answer follows
  static constexpr auto kFields = fields(
      field(1, &CommandProducerSuccess::request_id), field(2, &CommandProducerSuccess::producer_name),
      field(3, &CommandProducerSuccess::last_sequence_id), field(4, &CommandProducerSuccess::schema_version),
      field(5, &CommandProducerSuccess::topic_epoch), field(6, &CommandProducerSuccess::producer_ready));
};

struct CommandSend {
  static constexpr std::string_view kName = "CommandSend";
  std::uint64_t producer_id = 0;
  std::uint64_t sequence_id = 0;
  Optional<std::int32_t> num_messages = Default{1};
  Optional<std::uint64_t> txnid_least_bits;
  Optional<std::uint64_t> txnid_most_bits;
  Optional<std::uint64_t> highest_sequence_id;
  Optional<bool> is_chunk;
  Optional<bool> marker;
  Optional<MessageIdData> message_id;  ///< of replicators
  static constexpr auto kFields = fields(
      field(1, &CommandSend::producer_id), field(2, &CommandSend::sequence_id),
      field(3, &CommandSend::num_messages), field(4, &CommandSend::txnid_least_bits),
      field(5, &CommandSend::txnid_most_bits), field(6, &CommandSend::highest_sequence_id),
      field(7, &CommandSend::is_chunk), field(8, &CommandSend::marker), field(9, &CommandSend::message_id));
};

struct CommandSendReceipt {
  static constexpr std::string_view kName = "CommandSendReceipt";
  std::uint64_t producer_id = 0;
  std::uint64_t sequence_id = 0;
  Optional<MessageIdData> message_id;
  Optional<std::uint64_t> highest_sequence_id;
  static constexpr auto kFields =
      fields(field(1, &CommandSendReceipt::producer_id), field(2, &CommandSendReceipt::sequence_id),
             field(3, &CommandSendReceipt::message_id), field(4, &CommandSendReceipt::highest_sequence_id));
};

struct CommandSendError {
  static constexpr std::string_view kName = "CommandSendError";
  std::uint64_t producer_id = 0;
  std::uint64_t sequence_id = 0;
  ServerError error = ServerError{};
  std::string_view message;
  static constexpr auto kFields =
      fields(field(1, &CommandSendError::producer_id), field(2, &CommandSendError::sequence_id),
             field(3, &CommandSendError::error), field(4, &CommandSendError::message));
};

struct CommandCloseProducer {
  static constexpr std::string_view kName = "CommandCloseProducer";
  std::uint64_t producer_id = 0;
  std::uint64_t request_id = 0;
  Optional<std::string_view> assigned_broker_service_url;
  Optional<std::string_view> assigned_broker_service_url_tls;
  static constexpr auto kFields =
      fields(field(1, &CommandCloseProducer::producer_id), field(2, &CommandCloseProducer::request_id),
             field(3, &CommandCloseProducer::assigned_broker_service_url),
             field(4, &CommandCloseProducer::assigned_broker_service_url_tls));
};

}  // namespace geminga::wire::pulsar
