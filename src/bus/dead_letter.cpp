#include "bus/dead_letter.hpp"

#include <fmt/format.h>

#include "base/topic_name.hpp"
#include "base/try.hpp"

namespace geminga::bus {

namespace {

constexpr std::size_t kReasonBytesMax = 4'096;

/// Cuts behind a whole UTF-8 character.
std::string cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

}  // namespace

Result<std::string> dead_letter_topic(const DeadLetterPolicy& policy, const std::string& full_topic,
                                      const std::string& subscription, const std::string& default_namespace) {
  const std::string name = policy.topic.empty() ? full_topic + "-" + subscription + "-DLQ" : policy.topic;
  auto parsed = base::TopicName::parse(name, default_namespace);
  if (!parsed) return std::unexpected(parsed.error().with("dead-letter topic (set DeadLetterPolicy.topic)"));
  if (!parsed->persistent)
    return fail(ErrorCode::invalid_argument,
                fmt::format("dead-letter topic {} is non-persistent: it would keep nothing", name));
  return parsed->full();
}

OutgoingMessage dead_letter(const Message& message, const std::string& subscription,
                            std::string_view reason) {
  OutgoingMessage out{.body = message.body,
                      .key = message.key,
                      .properties = message.properties,
                      .event_time = message.event_time,
                      .deliver_at = {},
                      .deliver_after = {},
                      .sequence_id = {}};
  const auto set = [&](std::string_view name, std::string value) {
    out.properties[std::string(name)] = std::move(value);
  };
  set(DeadLetterProperty::kReason, cut(reason, kReasonBytesMax));
  set(DeadLetterProperty::kTopic, message.topic);
  set(DeadLetterProperty::kSubscription, subscription);
  set(DeadLetterProperty::kMessageId, message.id.to_string());
  set(DeadLetterProperty::kRedeliveryCount, std::to_string(message.redelivery_count));
  return out;
}

}  // namespace geminga::bus
