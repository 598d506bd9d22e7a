#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <geminga/admin.hpp>
#include <geminga/capabilities.hpp>
#include <geminga/consumer.hpp>
#include <geminga/message.hpp>

namespace geminga::doors {

/// The JSON forms of docs/reference/http-bus.md. Reading refuses unknown keys and wrong types by name, with
/// invalid_argument.

nlohmann::json to_json(const Message& message);
nlohmann::json to_json(const TopicStats& stats);
nlohmann::json to_json(const Capabilities& capabilities);
nlohmann::json ids_to_json(const std::vector<MessageId>& ids);

/// {"messages": [...]}; at least one.
Result<std::vector<OutgoingMessage>> read_messages(const nlohmann::json& body);

struct ConsumerRequest {
  ConsumerOptions options;
  std::optional<std::chrono::milliseconds> idle_timeout;
};
Result<ConsumerRequest> read_consumer(const nlohmann::json& body);

struct ReceiveRequest {
  std::size_t messages_max = 1;
  std::chrono::milliseconds wait{0};
};
Result<ReceiveRequest> read_receive(const nlohmann::json& body);

struct SettleRequest {
  std::vector<std::string> ids;  ///< in the form of MessageId::to_string
  std::optional<std::chrono::milliseconds> delay;
};
/// `delay_ms` only where it is a nack.
Result<SettleRequest> read_settle(const nlohmann::json& body, bool is_nack);

struct TopicRequest {
  std::string topic;
  std::optional<std::string> subscription;
  InitialPosition initial_position = InitialPosition::latest;
  std::uint32_t partitions = 0;  ///< 0: none were asked for
};
/// {"topic"} or, with a subscription, {"topic", "subscription", "initial_position"}.
Result<TopicRequest> read_topic(const nlohmann::json& body, bool with_subscription);
/// {"topic", "partitions"}
Result<TopicRequest> read_new_topic(const nlohmann::json& body);

struct SubscriptionRequest {
  std::string topic;
  std::string subscription;
};
struct SeekRequest : SubscriptionRequest {
  SeekTarget target;
};
/// {"topic", "subscription", "to"}: "earliest", "latest", a message id, or a time.
Result<SeekRequest> read_seek(const nlohmann::json& body);
struct SkipRequest : SubscriptionRequest {
  std::uint64_t entries = 0;
};
/// {"topic", "subscription", "entries"}
Result<SkipRequest> read_skip(const nlohmann::json& body);
struct ExpireRequest : SubscriptionRequest {
  std::chrono::milliseconds older_than{0};
};
/// {"topic", "subscription", "older_than_ms"}
Result<ExpireRequest> read_expire(const nlohmann::json& body);

std::string_view to_string(SubscriptionType type) noexcept;

}  // namespace geminga::doors
