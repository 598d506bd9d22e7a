#include "cli/message_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::cli {
namespace {

Message sample() {
  Message message;
  message.id = *MessageId::parse("3:17:-1");
  message.topic = "persistent://public/default/orders";
  message.body = "grüße";
  message.key = "k";
  message.properties = {{"a", "1"}};
  message.publish_time = Timestamp{std::chrono::milliseconds{1'700'000'000'123}};
  message.redelivery_count = 2;
  return message;
}

TEST(MessageJson, HasTheFieldsOfTheContractInTheirOrder) {
  EXPECT_EQ(
      message_json(sample()).dump(),
      R"({"id":"3:17:-1","key":"k","body":"grüße","properties":{"a":"1"},"publish_time":"2023-11-14T22:13:20.123Z",)"
      R"("event_time":null,"redelivery_count":2,"topic":"persistent://public/default/orders"})");
}

TEST(MessageJson, BytesThatAreNoUtf8AreBase64) {
  Message message = sample();
  message.body = std::string("\xff\x00", 2);
  const auto line = message_json(message);
  EXPECT_EQ(line["body_base64"], "/wA=");
  EXPECT_FALSE(line.contains("body"));
  EXPECT_EQ(parse_message(line)->body, message.body);
}

TEST(MessageJson, ComesBackAsItWas) {
  Message message = sample();
  message.event_time = message.publish_time;
  const auto back = parse_message(message_json(message));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->id, message.id);
  EXPECT_EQ(back->body, message.body);
  EXPECT_EQ(back->properties, message.properties);
  EXPECT_EQ(back->event_time, message.event_time);
  EXPECT_EQ(back->redelivery_count, 2U);
}

TEST(MessageJson, AnythingElseIsAnError) {
  EXPECT_FALSE(parse_message(nlohmann::ordered_json::object()));
  EXPECT_FALSE(parse_message(nlohmann::ordered_json::array()));
  auto line = message_json(sample());
  line["redelivery_count"] = "two";
  EXPECT_FALSE(parse_message(line));
}

}  // namespace
}  // namespace geminga::cli
