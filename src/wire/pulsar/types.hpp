#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/fields.hpp"

/// What several commands have in common. Numbers and names of fields: Pulsar's binary protocol, versions 0
/// to 21.
namespace geminga::wire::pulsar {

enum class ServerError : std::uint8_t {
  unknown = 0,
  metadata = 1,
  persistence = 2,
  authentication = 3,
  authorization = 4,
  consumer_busy = 5,
  service_not_ready = 6,  ///< clients look the topic up again and retry
  producer_blocked_quota_exceeded_error = 7,
  producer_blocked_quota_exceeded_exception = 8,
  checksum = 9,
  unsupported_version = 10,
  topic_not_found = 11,
  subscription_not_found = 12,
  consumer_not_found = 13,
  too_many_requests = 14,
  topic_terminated = 15,
  producer_busy = 16,
  invalid_topic_name = 17,
  incompatible_schema = 18,
  consumer_assign = 19,
  transaction_coordinator_not_found = 20,
  invalid_transaction_status = 21,
  not_allowed = 22,
  transaction_conflict = 23,
  transaction_not_found = 24,
  producer_fenced = 25,
};
constexpr ServerError last_of(ServerError) {
  return ServerError::producer_fenced;
}

enum class CompressionType : std::uint8_t { none = 0, lz4 = 1, zlib = 2, zstd = 3, snappy = 4 };
constexpr CompressionType last_of(CompressionType) {
  return CompressionType::snappy;
}

enum class SchemaType : std::uint8_t {
  none = 0,
  string = 1,
  json = 2,
  protobuf = 3,
  avro = 4,
  boolean = 5,
  int8 = 6,
  int16 = 7,
  int32 = 8,
  int64 = 9,
  float32 = 10,
  float64 = 11,
  date = 12,
  time = 13,
  timestamp = 14,
  key_value = 15,
  instant = 16,
  local_date = 17,
  local_time = 18,
  local_date_time = 19,
  protobuf_native = 20,
  auto_consume = 21,
  external = 22,
};
constexpr SchemaType last_of(SchemaType) {
  return SchemaType::external;
}

struct KeyValue {
  static constexpr std::string_view kName = "KeyValue";
  std::string_view key;
  std::string_view value;
  static constexpr auto kFields = fields(field(1, &KeyValue::key), field(2, &KeyValue::value));
};

struct KeyLongValue {
  static constexpr std::string_view kName = "KeyLongValue";
  std::string_view key;
  std::uint64_t value = 0;
  static constexpr auto kFields = fields(field(1, &KeyLongValue::key), field(2, &KeyLongValue::value));
};

/// Of hashes of keys, both ends in it.
struct IntRange {
  static constexpr std::string_view kName = "IntRange";
  std::int32_t start = 0;
  std::int32_t end = 0;
  static constexpr auto kFields = fields(field(1, &IntRange::start), field(2, &IntRange::end));
};

struct MessageIdData {
  static constexpr std::string_view kName = "MessageIdData";
  std::uint64_t ledger_id = 0;
  std::uint64_t entry_id = 0;
  Optional<std::int32_t> partition = Default{-1};
  Optional<std::int32_t> batch_index = Default{-1};
  Repeated<std::int64_t> ack_set;  ///< words of 64 messages of a batch; a bit that is set is not acknowledged
  Optional<std::int32_t> batch_size;
  Repeated<MessageIdData> first_chunk_message_id;  ///< none or one
  static constexpr auto kFields =
      fields(field(1, &MessageIdData::ledger_id), field(2, &MessageIdData::entry_id),
             field(3, &MessageIdData::partition), field(4, &MessageIdData::batch_index),
             field(5, &MessageIdData::ack_set), field(6, &MessageIdData::batch_size),
             field(7, &MessageIdData::first_chunk_message_id));
};

struct Schema {
  static constexpr std::string_view kName = "Schema";
  std::string_view name;
  std::string_view schema_data;
  SchemaType type = SchemaType::none;
  Repeated<KeyValue> properties;
  static constexpr auto kFields = fields(field(1, &Schema::name), field(3, &Schema::schema_data),
                                         field(4, &Schema::type), field(5, &Schema::properties));
};

}  // namespace geminga::wire::pulsar
