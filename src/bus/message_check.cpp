#include "bus/message_check.hpp"

#include <fmt/format.h>

#include "base/later.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"

namespace geminga::bus {

namespace {

Result<> check_sizes(const OutgoingMessage& message, std::uint64_t body_bytes_max) {
  if (message.body.size() > body_bytes_max)
    return fail(ErrorCode::too_large, fmt::format("body of {} bytes; {} is the limit (max_message_bytes)",
                                                  message.body.size(), body_bytes_max));
  if (message.key.size() > kKeyBytesMax)
    return fail(ErrorCode::too_large,
                fmt::format("key of {} bytes; {} is the limit", message.key.size(), kKeyBytesMax));
  std::size_t properties = 0;
  for (const auto& [name, value] : message.properties) properties += name.size() + value.size();
  if (properties > kPropertiesBytesMax)
    return fail(ErrorCode::too_large,
                fmt::format("properties of {} bytes; {} is the limit", properties, kPropertiesBytesMax));
  return {};
}

}  // namespace

Result<> require(const Capabilities& capabilities, Feature feature) {
  const Capability& capability = capabilities.of(feature);
  if (capability.support != Support::impossible) return {};
  return fail(ErrorCode::unsupported_by_engine, fmt::format("{}: {}", to_string(feature), capability.reason));
}

Result<> require_compaction(const Capabilities& capabilities, std::string_view topic) {
  GEMINGA_TRY_VOID(require(capabilities, Feature::topic_compaction));
  GEMINGA_TRY(const auto name, base::TopicName::parse(topic, ""));
  if (name.persistent) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is non-persistent: it keeps nothing that could be compacted", topic));
}

Result<> check_message(OutgoingMessage& message, const BusOptions& options, const Capabilities& capabilities,
                       const base::Clock& clock) {
  GEMINGA_TRY_VOID(check_sizes(message, options.max_message_bytes));
  if (message.deliver_at && message.deliver_after)
    return fail(ErrorCode::invalid_argument, "deliver_at and deliver_after are both set; set one");
  if (message.deliver_after && message.deliver_after->count() < 0)
    return fail(ErrorCode::invalid_argument,
                fmt::format("deliver_after of {} ms", message.deliver_after->count()));
  if (message.deliver_after) {
    message.deliver_at = base::later(clock.wall_now(), *message.deliver_after);
    message.deliver_after.reset();
  }
  if (message.deliver_at) GEMINGA_TRY_VOID(require(capabilities, Feature::delayed_delivery));
  if (message.sequence_id && *message.sequence_id >= 1ULL << 63)
    return fail(ErrorCode::invalid_argument,
                fmt::format("sequence_id {} is not below 2^63", *message.sequence_id));
  if (message.sequence_id) GEMINGA_TRY_VOID(require(capabilities, Feature::deduplicate_by_application_id));
  return {};
}

}  // namespace geminga::bus
