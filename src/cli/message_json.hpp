#pragma once

#include <nlohmann/json_fwd.hpp>

#include <geminga/message.hpp>

namespace geminga::cli {

/// The form of `consume -o json`: id, key, body (or body_base64 where it is not UTF-8), properties,
/// publish_time, event_time, redelivery_count, topic.
nlohmann::ordered_json message_json(const Message& message);
/// A message in the form in which /api/bus sends it, which is the same. Errors: parse_error, protocol_error.
Result<Message> parse_message(const nlohmann::ordered_json& line);

}  // namespace geminga::cli
