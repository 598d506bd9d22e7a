#include "cli/message_json.hpp"

#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/try.hpp"
#include "base/utf8.hpp"

namespace geminga::cli {

using nlohmann::ordered_json;

ordered_json message_json(const Message& message) {
  ordered_json line{{"id", message.id.to_string()}, {"key", message.key}};
  if (base::is_utf8(message.body)) {
    line["body"] = message.body;
  } else {
    line["body_base64"] = base::to_base64(message.body);
  }
  line["properties"] = message.properties;
  line["publish_time"] = base::to_iso8601(message.publish_time);
  line["event_time"] =
      message.event_time ? ordered_json(base::to_iso8601(*message.event_time)) : ordered_json();
  line["redelivery_count"] = message.redelivery_count;
  line["topic"] = message.topic;
  return line;
}

Result<Message> parse_message(const ordered_json& line) {
  try {
    Message message;
    GEMINGA_TRY(message.id, MessageId::parse(line.at("id").get<std::string>()));
    message.topic = line.at("topic").get<std::string>();
    message.key = line.at("key").get<std::string>();
    message.properties = line.at("properties").get<Properties>();
    message.redelivery_count = line.at("redelivery_count").get<std::uint32_t>();
    GEMINGA_TRY(message.publish_time, base::parse_iso8601(line.at("publish_time").get<std::string>()));
    if (const auto time = line.find("event_time"); time != line.end() && time->is_string()) {
      GEMINGA_TRY(message.event_time, base::parse_iso8601(time->get<std::string>()));
    }
    if (line.contains("body")) {
      message.body = line.at("body").get<std::string>();
    } else {
      GEMINGA_TRY(message.body, base::from_base64(line.at("body_base64").get<std::string>()));
    }
    return message;
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::protocol_error,
                std::string("the server sent a message of an unknown form: ") + error.what());
  }
}

}  // namespace geminga::cli
