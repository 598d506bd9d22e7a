#include "doors/http_bus/message_json.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/partition_name.hpp"
#include "base/policy_fields.hpp"
#include "base/try.hpp"
#include "base/utf8.hpp"
#include "doors/http_bus/json_fields.hpp"

namespace geminga::doors {

using nlohmann::json;

namespace {

constexpr std::uint64_t kNoLimit = 0xFFFF'FFFF;

constexpr std::pair<std::string_view, SubscriptionType> kTypes[] = {
    {"exclusive", SubscriptionType::exclusive},
    {"shared", SubscriptionType::shared},
    {"failover", SubscriptionType::failover},
    {"key_shared", SubscriptionType::key_shared},
};

SubscriptionType read_type(JsonFields& fields) {
  if (!fields.has("type")) return SubscriptionType::exclusive;
  const std::string text = fields.text("type");
  for (const auto& [name, type] : kTypes)
    if (name == text) return type;
  fields.fault("type", "must be exclusive, shared, failover or key_shared");
  return SubscriptionType::exclusive;
}

InitialPosition read_position(JsonFields& fields) {
  if (!fields.has("initial_position")) return InitialPosition::latest;
  const std::string text = fields.text("initial_position");
  if (text == "earliest") return InitialPosition::earliest;
  if (text != "latest") fields.fault("initial_position", "must be earliest or latest");
  return InitialPosition::latest;
}

std::vector<HashRange> read_hash_ranges(JsonFields& fields) {
  const json* array = fields.array("hash_ranges");
  std::vector<HashRange> ranges;
  for (const json& pair : array != nullptr ? *array : json::array()) {
    const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_number_unsigned() &&
                      pair[1].is_number_unsigned() && pair[0] <= kNoLimit && pair[1] <= kNoLimit;
    if (!good) {
      fields.fault("hash_ranges", "must hold pairs [first, last] of numbers");
      return {};
    }
    ranges.push_back({.first = pair[0].get<std::uint32_t>(), .last = pair[1].get<std::uint32_t>()});
  }
  return ranges;
}

std::string read_message_body(JsonFields& fields) {
  if (fields.has("body") == fields.has("body_base64")) {
    fields.fault("body", "or 'body_base64' is needed, one of them");
    return {};
  }
  if (fields.has("body")) return fields.text("body");
  auto decoded = base::from_base64(fields.text("body_base64"));
  if (!decoded) fields.fault("body_base64", "is not base64");
  return decoded ? *std::move(decoded) : std::string();
}

Properties read_properties(JsonFields& fields) {
  Properties properties;
  const json* object = fields.object("properties");
  if (object == nullptr) return properties;
  for (const auto& [name, value] : object->items()) {
    if (value.is_string())
      properties.emplace(name, value.get<std::string>());
    else
      fields.fault("properties", fmt::format("has a value that is no string: '{}'", name));
  }
  return properties;
}

Result<OutgoingMessage> read_message(const json& object, std::size_t index) {
  JsonFields fields(object, fmt::format("messages[{}]", index),
                    {"body", "body_base64", "key", "properties", "delay_ms", "event_time"});
  OutgoingMessage message;
  message.body = read_message_body(fields);
  message.key = fields.text("key");
  message.properties = read_properties(fields);
  message.deliver_after = fields.milliseconds("delay_ms");
  if (fields.has("event_time")) {
    const auto time = base::parse_iso8601(fields.text("event_time"));
    if (time)
      message.event_time = *time;
    else
      fields.fault("event_time", "must be a time like 2026-11-21T20:15:03.123Z");
  }
  GEMINGA_TRY_VOID(fields.result());
  return message;
}

}  // namespace

std::string_view to_string(SubscriptionType type) noexcept {
  for (const auto& [name, value] : kTypes)
    if (value == type) return name;
  return "unknown";
}

json to_json(const Message& message) {
  json object{{"id", message.id.to_string()},
              {"topic", message.topic},
              {"key", message.key},
              {"properties", message.properties},
              {"publish_time", base::to_iso8601(message.publish_time)},
              {"redelivery_count", message.redelivery_count}};
  if (message.event_time) object["event_time"] = base::to_iso8601(*message.event_time);
  if (base::is_utf8(message.body))
    object["body"] = message.body;
  else
    object["body_base64"] = base::to_base64(message.body);
  return object;
}

json to_json(const ConsumerStats& stats) {
  json ranges = json::array();
  for (const HashRange& range : stats.hash_ranges) ranges.push_back({range.first, range.last});
  return {{"name", stats.name},
          {"priority", stats.priority},
          {"active", stats.active},
          {"permits", stats.permits},
          {"unacked", stats.unacked},
          {"blocked", stats.blocked},
          {"messages_out", stats.messages_out},
          {"bytes_out", stats.bytes_out},
          {"redelivered", stats.redelivered},
          {"hash_ranges", std::move(ranges)}};
}

json to_json(const SubscriptionStats& stats) {
  json connected = json::array();
  for (const ConsumerStats& consumer : stats.connected) connected.push_back(to_json(consumer));
  return {{"name", stats.name},
          {"type", to_string(stats.type)},
          {"properties", stats.properties},
          {"durable", stats.durable},
          {"backlog", stats.backlog},
          {"unacked", stats.unacked},
          {"delayed", stats.delayed},
          {"messages_out", stats.messages_out},
          {"bytes_out", stats.bytes_out},
          {"redelivered", stats.redelivered},
          {"dropped", stats.dropped},
          {"consumers", stats.consumers},
          {"connected", std::move(connected)},
          {"dispatch_paused", stats.dispatch_paused}};
}

namespace {

const char* name_of(CompactionState state) {
  switch (state) {
    case CompactionState::idle:
      return "idle";
    case CompactionState::waiting:
      return "waiting";
    case CompactionState::running:
      return "running";
    case CompactionState::failed:
      return "failed";
  }
  return "idle";
}

json to_json(const CompactionStats& stats) {
  return {
      {"state", name_of(stats.state)}, {"horizon", stats.horizon ? json(stats.horizon->to_string()) : json()},
      {"messages", stats.messages},    {"bytes", stats.bytes},
      {"percent", stats.percent},      {"failure", stats.failure}};
}

}  // namespace

json to_json(const TopicStats& stats) {
  json subscriptions = json::array();
  for (const SubscriptionStats& subscription : stats.subscriptions)
    subscriptions.push_back(to_json(subscription));
  json object{{"topic", stats.topic},
              {"messages_in", stats.messages_in},
              {"bytes_in", stats.bytes_in},
              {"messages_out", stats.messages_out},
              {"bytes_out", stats.bytes_out},
              {"publish_paused", stats.publish_paused},
              {"terminated", stats.terminated},
              {"dropped", stats.dropped},
              {"stored_messages", stats.stored_messages},
              {"stored_bytes", stats.stored_bytes},
              {"producers", stats.producers},
              {"compaction", to_json(stats.compaction)},
              {"subscriptions", std::move(subscriptions)}};
  if (stats.durability) object["durability"] = base::to_string(*stats.durability);
  if (stats.partitions > 0) {
    json each = json::array();
    for (const TopicStats& partition : stats.per_partition) each.push_back(to_json(partition));
    object["partitions"] = stats.partitions;
    object["per_partition"] = std::move(each);
  }
  if (stats.last_message_id) object["last_message_id"] = stats.last_message_id->to_string();
  return object;
}

json to_json(const Capabilities& capabilities) {
  json object = json::object();
  for (std::size_t i = 0; i < kFeatureCount; ++i) {
    const auto feature = static_cast<Feature>(i);
    const Capability& capability = capabilities.of(feature);
    object[std::string(to_string(feature))] = {{"support", to_string(capability.support)},
                                               {"reason", capability.reason}};
  }
  return object;
}

json ids_to_json(const std::vector<MessageId>& ids) {
  json array = json::array();
  for (const MessageId& id : ids) array.push_back(id.to_string());
  return array;
}

Result<std::vector<OutgoingMessage>> read_messages(const json& body) {
  JsonFields fields(body, "", {"messages"});
  const json* array = fields.array("messages");
  if (array == nullptr || array->empty())
    fields.fault("messages", "is needed: an array of at least one message");
  GEMINGA_TRY_VOID(fields.result());
  std::vector<OutgoingMessage> messages;
  messages.reserve(array->size());
  for (const json& object : *array) {
    GEMINGA_TRY(auto message, read_message(object, messages.size()));
    messages.push_back(std::move(message));
  }
  return messages;
}

Result<ConsumerRequest> read_consumer(const json& body) {
  JsonFields fields(body, "",
                    {"topic", "subscription", "type", "initial_position", "name", "receiver_queue_size",
                     "negative_ack_delay_ms", "ack_timeout_ms", "dead_letter", "idle_timeout_ms", "priority",
                     "hash_ranges", "read_compacted"});
  ConsumerRequest request;
  ConsumerOptions& options = request.options;
  options.topic = fields.required_text("topic");
  options.subscription = fields.required_text("subscription");
  options.type = read_type(fields);
  options.initial_position = read_position(fields);
  options.name = fields.text("name");
  options.priority = static_cast<std::uint32_t>(fields.number("priority", 0, kNoLimit));
  options.hash_ranges = read_hash_ranges(fields);
  options.read_compacted = fields.flag("read_compacted");
  options.receiver_queue_size =
      static_cast<std::uint32_t>(fields.number("receiver_queue_size", 100, kNoLimit));
  options.negative_ack_delay =
      fields.milliseconds("negative_ack_delay_ms").value_or(options.negative_ack_delay);
  options.ack_timeout = fields.milliseconds("ack_timeout_ms").value_or(options.ack_timeout);
  request.idle_timeout = fields.milliseconds("idle_timeout_ms");
  if (const json* policy = fields.object("dead_letter")) {
    JsonFields inner(*policy, "dead_letter", {"max_redeliveries", "topic"});
    options.dead_letter = DeadLetterPolicy{
        .max_redeliveries = static_cast<std::uint32_t>(inner.number("max_redeliveries", 3, kNoLimit)),
        .topic = inner.text("topic")};
    GEMINGA_TRY_VOID(inner.result());
  }
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

Result<ReceiveRequest> read_receive(const json& body) {
  JsonFields fields(body, "", {"max", "wait_ms"});
  ReceiveRequest request;
  request.messages_max = fields.number("max", 1, kNoLimit);
  request.wait = fields.milliseconds("wait_ms").value_or(request.wait);
  if (request.messages_max == 0) fields.fault("max", "must be at least 1");
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

Result<SettleRequest> read_settle(const json& body, bool is_nack) {
  JsonFields fields(body, "",
                    is_nack ? std::initializer_list<std::string_view>{"ids", "delay_ms"}
                            : std::initializer_list<std::string_view>{"ids"});
  SettleRequest request;
  request.delay = fields.milliseconds("delay_ms");
  const json* ids = fields.array("ids");
  if (ids == nullptr) fields.fault("ids", "is needed: an array of message ids");
  for (const json& id : ids != nullptr ? *ids : json::array()) {
    if (id.is_string())
      request.ids.push_back(id.get<std::string>());
    else
      fields.fault("ids", "has a value that is no string");
  }
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

Result<TopicRequest> read_topic(const json& body, bool with_subscription) {
  JsonFields fields(body, "",
                    with_subscription
                        ? std::initializer_list<std::string_view>{"topic", "subscription", "initial_position"}
                        : std::initializer_list<std::string_view>{"topic"});
  TopicRequest request;
  request.topic = fields.required_text("topic");
  if (with_subscription) request.subscription = fields.required_text("subscription");
  request.initial_position = read_position(fields);
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

Result<TopicRequest> read_new_topic(const json& body) {
  JsonFields fields(body, "", {"topic", "partitions"});
  TopicRequest request;
  request.topic = fields.required_text("topic");
  request.partitions = static_cast<std::uint32_t>(fields.number("partitions", 0, base::kPartitionsMax));
  if (fields.has("partitions") && request.partitions == 0)
    fields.fault("partitions", "must be at least 1; without it the topic has none");
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

namespace {

SubscriptionRequest read_subscription(JsonFields& fields) {
  return {.topic = fields.required_text("topic"), .subscription = fields.required_text("subscription")};
}

SeekTarget read_target(JsonFields& fields) {
  const std::string text = fields.required_text("to");
  if (text == "earliest") return InitialPosition::earliest;
  if (text == "latest") return InitialPosition::latest;
  if (const auto id = MessageId::parse(text)) return *id;
  if (const auto time = base::parse_iso8601(text)) return *time;
  if (!text.empty())
    fields.fault("to", "must be earliest, latest, a message id or a time like 2026-11-21T20:15:03.123Z");
  return InitialPosition::latest;
}

}  // namespace

Result<SeekRequest> read_seek(const json& body) {
  JsonFields fields(body, "", {"topic", "subscription", "to"});
  SeekRequest request{read_subscription(fields), read_target(fields)};
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

Result<SkipRequest> read_skip(const json& body) {
  JsonFields fields(body, "", {"topic", "subscription", "entries"});
  SkipRequest request{read_subscription(fields), fields.number("entries", 0, kNoLimit)};
  if (request.entries == 0) fields.fault("entries", "is needed: how many to skip, at least 1");
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

Result<ExpireRequest> read_expire(const json& body) {
  JsonFields fields(body, "", {"topic", "subscription", "older_than_ms"});
  ExpireRequest request{read_subscription(fields), std::chrono::milliseconds{0}};
  const auto older_than = fields.milliseconds("older_than_ms");
  if (!older_than) fields.fault("older_than_ms", "is needed");
  request.older_than = older_than.value_or(request.older_than);
  GEMINGA_TRY_VOID(fields.result());
  return request;
}

}  // namespace geminga::doors
