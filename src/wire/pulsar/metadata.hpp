#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/types.hpp"

/// What stands in front of payloads. Times are milliseconds since 1970.
namespace geminga::wire::pulsar {

/// A key that encrypts the payload, itself encrypted for a reader of that name.
struct EncryptionKeys {
  static constexpr std::string_view kName = "EncryptionKeys";
  std::string_view key;
  std::string_view value;
  Repeated<KeyValue> metadata;
  static constexpr auto kFields = fields(field(1, &EncryptionKeys::key), field(2, &EncryptionKeys::value),
                                         field(3, &EncryptionKeys::metadata));
};

/// Of one entry: of a message, or of a batch of them.
struct MessageMetadata {
  static constexpr std::string_view kName = "MessageMetadata";
  std::string_view producer_name;
  std::uint64_t sequence_id = 0;
  std::uint64_t publish_time = 0;
  Repeated<KeyValue> properties;
  Optional<std::string_view> replicated_from;
  Optional<std::string_view> partition_key;
  Repeated<std::string_view> replicate_to;
  Optional<CompressionType> compression;
  Optional<std::uint32_t> uncompressed_size;
  Optional<std::int32_t> num_messages_in_batch = Default{1};  ///< present: a batch
  Optional<std::uint64_t> event_time;
  Repeated<EncryptionKeys> encryption_keys;
  Optional<std::string_view> encryption_algo;
  Optional<std::string_view> encryption_param;
  Optional<std::string_view> schema_version;
  Optional<bool> partition_key_b64_encoded;
  Optional<std::string_view> ordering_key;
  Optional<std::int64_t> deliver_at_time;
  Optional<std::int32_t> marker_type;
  Optional<std::uint64_t> txnid_least_bits;
  Optional<std::uint64_t> txnid_most_bits;
  Optional<std::uint64_t> highest_sequence_id;
  Optional<bool> null_value;
  Optional<std::string_view> uuid;  ///< of the message whose chunk this is
  Optional<std::int32_t> num_chunks_from_msg;
  Optional<std::int32_t> total_chunk_msg_size;
  Optional<std::int32_t> chunk_id;
  Optional<bool> null_partition_key;
  Repeated<std::int32_t> compacted_batch_indexes;
  Optional<std::string_view> schema_id;
  static constexpr auto kFields = fields(
      field(1, &MessageMetadata::producer_name), field(2, &MessageMetadata::sequence_id),
      field(3, &MessageMetadata::publish_time), field(4, &MessageMetadata::properties),
      field(5, &MessageMetadata::replicated_from), field(6, &MessageMetadata::partition_key),
      field(7, &MessageMetadata::replicate_to), field(8, &MessageMetadata::compression),
      field(9, &MessageMetadata::uncompressed_size), field(11, &MessageMetadata::num_messages_in_batch),
      field(12, &MessageMetadata::event_time), field(13, &MessageMetadata::encryption_keys),
      field(14, &MessageMetadata::encryption_algo), field(15, &MessageMetadata::encryption_param),
      field(16, &MessageMetadata::schema_version), field(17, &MessageMetadata::partition_key_b64_encoded),
      field(18, &MessageMetadata::ordering_key), field(19, &MessageMetadata::deliver_at_time),
      field(20, &MessageMetadata::marker_type), field(22, &MessageMetadata::txnid_least_bits),
      field(23, &MessageMetadata::txnid_most_bits), field(24, &MessageMetadata::highest_sequence_id),
      field(25, &MessageMetadata::null_value), field(26, &MessageMetadata::uuid),
      field(27, &MessageMetadata::num_chunks_from_msg), field(28, &MessageMetadata::total_chunk_msg_size),
      field(29, &MessageMetadata::chunk_id), field(30, &MessageMetadata::null_partition_key),
      field(31, &MessageMetadata::compacted_batch_indexes), field(32, &MessageMetadata::schema_id));
};

/// Of one message within a batch.
struct SingleMessageMetadata {
  static constexpr std::string_view kName = "SingleMessageMetadata";
  Repeated<KeyValue> properties;
  Optional<std::string_view> partition_key;
  std::int32_t payload_size = 0;
  Optional<bool> compacted_out;
  Optional<std::uint64_t> event_time;
  Optional<bool> partition_key_b64_encoded;
  Optional<std::string_view> ordering_key;
  Optional<std::uint64_t> sequence_id;
  Optional<bool> null_value;
  Optional<bool> null_partition_key;
  static constexpr auto kFields = fields(
      field(1, &SingleMessageMetadata::properties), field(2, &SingleMessageMetadata::partition_key),
      field(3, &SingleMessageMetadata::payload_size), field(4, &SingleMessageMetadata::compacted_out),
      field(5, &SingleMessageMetadata::event_time),
      field(6, &SingleMessageMetadata::partition_key_b64_encoded),
      field(7, &SingleMessageMetadata::ordering_key), field(8, &SingleMessageMetadata::sequence_id),
      field(9, &SingleMessageMetadata::null_value), field(10, &SingleMessageMetadata::null_partition_key));
};

/// What a broker adds to an entry: when it came, and the number of its last message within the topic.
struct BrokerEntryMetadata {
  static constexpr std::string_view kName = "BrokerEntryMetadata";
  Optional<std::uint64_t> broker_timestamp;
  Optional<std::uint64_t> index;
  static constexpr auto kFields =
      fields(field(1, &BrokerEntryMetadata::broker_timestamp), field(2, &BrokerEntryMetadata::index));
};

}  // namespace geminga::wire::pulsar
