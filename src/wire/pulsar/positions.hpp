#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/types.hpp"

/// Where a subscription stands: moved, asked for, counted, ended.
namespace geminga::wire::pulsar {

struct CommandSeek {
  static constexpr std::string_view kName = "CommandSeek";
  std::uint64_t consumer_id = 0;
  std::uint64_t request_id = 0;
  Optional<MessageIdData> message_id;            ///< this or the time
  Optional<std::uint64_t> message_publish_time;  ///< milliseconds since 1970
  static constexpr auto kFields =
      fields(field(1, &CommandSeek::consumer_id), field(2, &CommandSeek::request_id),
             field(3, &CommandSeek::message_id), field(4, &CommandSeek::message_publish_time));
};

struct CommandGetLastMessageId {
  static constexpr std::string_view kName = "CommandGetLastMessageId";
  std::uint64_t consumer_id = 0;
  std::uint64_t request_id = 0;
  static constexpr auto kFields =
      fields(field(1, &CommandGetLastMessageId::consumer_id), field(2, &CommandGetLastMessageId::request_id));
};

struct CommandGetLastMessageIdResponse {
  static constexpr std::string_view kName = "CommandGetLastMessageIdResponse";
  MessageIdData last_message_id;
  std::uint64_t request_id = 0;
  Optional<MessageIdData> consumer_mark_delete_position;
  static constexpr auto kFields =
      fields(field(1, &CommandGetLastMessageIdResponse::last_message_id),
             field(2, &CommandGetLastMessageIdResponse::request_id),
             field(3, &CommandGetLastMessageIdResponse::consumer_mark_delete_position));
};

struct CommandConsumerStats {
  static constexpr std::string_view kName = "CommandConsumerStats";
  std::uint64_t request_id = 0;
  std::uint64_t consumer_id = 0;
  static constexpr auto kFields =
      fields(field(1, &CommandConsumerStats::request_id), field(4, &CommandConsumerStats::consumer_id));
};

struct CommandConsumerStatsResponse {
  static constexpr std::string_view kName = "CommandConsumerStatsResponse";
  std::uint64_t request_id = 0;
  Optional<ServerError> error_code;
  Optional<std::string_view> error_message;
  Optional<double> msg_rate_out;        ///< messages/s
  Optional<double> msg_throughput_out;  ///< bytes/s
  Optional<double> msg_rate_redeliver;
  Optional<std::string_view> consumer_name;
  Optional<std::uint64_t> available_permits;
  Optional<std::uint64_t> unacked_messages;
  Optional<bool> blocked_consumer_on_unacked_msgs;
  Optional<std::string_view> address;
  Optional<std::string_view> connected_since;
  Optional<std::string_view> type;
  Optional<double> msg_rate_expired;
  Optional<std::uint64_t> msg_backlog;
  Optional<double> message_ack_rate;
  static constexpr auto kFields =
      fields(field(1, &CommandConsumerStatsResponse::request_id),
             field(2, &CommandConsumerStatsResponse::error_code),
             field(3, &CommandConsumerStatsResponse::error_message),
             field(4, &CommandConsumerStatsResponse::msg_rate_out),
             field(5, &CommandConsumerStatsResponse::msg_throughput_out),
             field(6, &CommandConsumerStatsResponse::msg_rate_redeliver),
             field(7, &CommandConsumerStatsResponse::consumer_name),
             field(8, &CommandConsumerStatsResponse::available_permits),
             field(9, &CommandConsumerStatsResponse::unacked_messages),
             field(10, &CommandConsumerStatsResponse::blocked_consumer_on_unacked_msgs),
             field(11, &CommandConsumerStatsResponse::address),
             field(12, &CommandConsumerStatsResponse::connected_since),
             field(13, &CommandConsumerStatsResponse::type),
             field(14, &CommandConsumerStatsResponse::msg_rate_expired),
             field(15, &CommandConsumerStatsResponse::msg_backlog),
             field(16, &CommandConsumerStatsResponse::message_ack_rate));
};

struct CommandReachedEndOfTopic {
  static constexpr std::string_view kName = "CommandReachedEndOfTopic";
  std::uint64_t consumer_id = 0;
  static constexpr auto kFields = fields(field(1, &CommandReachedEndOfTopic::consumer_id));
};

enum class MigratedResource : std::uint8_t { producer = 0, consumer = 1 };
constexpr MigratedResource last_of(MigratedResource) {
  return MigratedResource::consumer;
}

struct CommandTopicMigrated {
  static constexpr std::string_view kName = "CommandTopicMigrated";
  std::uint64_t resource_id = 0;
  MigratedResource resource_type = MigratedResource{};
  Optional<std::string_view> broker_service_url;
  Optional<std::string_view> broker_service_url_tls;
  static constexpr auto kFields =
      fields(field(1, &CommandTopicMigrated::resource_id), field(2, &CommandTopicMigrated::resource_type),
             field(3, &CommandTopicMigrated::broker_service_url),
             field(4, &CommandTopicMigrated::broker_service_url_tls));
};

}  // namespace geminga::wire::pulsar
