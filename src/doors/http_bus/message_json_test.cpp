#include "doors/http_bus/message_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::doors {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(MessageJson, ReadsEveryFieldOfAMessage) {
  const auto messages = read_messages(json::parse(R"({"messages": [
    {"body": "text", "key": "k", "properties": {"a": "1"}, "delay_ms": 1500, "event_time": "2026-11-21T20:15:03.123Z"},
    {"body_base64": "AP8="}]})"))
                            .value();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].body, "text");
  EXPECT_EQ(messages[0].key, "k");
  EXPECT_EQ(messages[0].properties, (Properties{{"a", "1"}}));
  EXPECT_EQ(messages[0].deliver_after, std::chrono::milliseconds(1500));
  EXPECT_EQ(messages[0].event_time, Timestamp(std::chrono::milliseconds(1'795'292'103'123)));
  EXPECT_EQ(messages[1].body, std::string("\0\xff", 2));
}

TEST(MessageJson, RefusesByName) {
  const struct {
    std::string body;
    std::string named;
  } cases[] = {
      {R"({})", "'messages' is needed"},
      {R"({"messages": []})", "'messages' is needed"},
      {R"({"messages": {}})", "'messages' must be an array"},
      {R"({"messages": [1]})", "'messages[0]' must be an object"},
      {R"({"messages": [{"body": "a"}, {}]})", "'messages[1].body' or 'body_base64' is needed"},
      {R"({"messages": [{"body": "a", "body_base64": "YQ=="}]})", "one of them"},
      {R"({"messages": [{"body": 1}]})", "'messages[0].body' must be a string"},
      {R"({"messages": [{"body_base64": "?"}]})", "is not base64"},
      {R"({"messages": [{"body": "a", "keys": "x"}]})", "'messages[0].keys' is not known"},
      {R"({"messages": [{"body": "a", "properties": {"n": 1}}]})", "'n'"},
      {R"({"messages": [{"body": "a", "delay_ms": -1}]})", "'messages[0].delay_ms' must be a whole number"},
      {R"({"messages": [{"body": "a", "delay_ms": 1e300}]})", "whole number"},
      {R"({"messages": [{"body": "a", "event_time": "today"}]})", "2026-11-21T"},
      {R"({"messages": [{"body": "a"}], "topic": "x"})", "'topic' is not known"},
  };
  for (const auto& [body, named] : cases) {
    const auto messages = read_messages(json::parse(body));
    ASSERT_FALSE(messages) << body;
    EXPECT_EQ(messages.error().code, ErrorCode::invalid_argument) << body;
    EXPECT_THAT(messages.error().message, HasSubstr(named)) << body;
  }
}

TEST(MessageJson, ReadsAConsumerWithItsDefaults) {
  const auto plain = read_consumer(json::parse(R"({"topic": "t", "subscription": "s"})")).value();
  EXPECT_EQ(plain.options.type, SubscriptionType::exclusive);
  EXPECT_EQ(plain.options.initial_position, InitialPosition::latest);
  EXPECT_EQ(plain.options.negative_ack_delay, std::chrono::seconds(1));
  EXPECT_FALSE(plain.options.dead_letter);
  EXPECT_FALSE(plain.idle_timeout);
  const auto full = read_consumer(json::parse(R"({"topic": "t", "subscription": "s", "type": "key_shared",
    "initial_position": "earliest", "name": "n", "receiver_queue_size": 7, "negative_ack_delay_ms": 5,
    "ack_timeout_ms": 6, "dead_letter": {"max_redeliveries": 2, "topic": "d"}, "idle_timeout_ms": 9,
    "priority": 4, "hash_ranges": [[0, 9], [20, 20]]})"))
                        .value();
  EXPECT_EQ(full.options.type, SubscriptionType::key_shared);
  EXPECT_EQ(full.options.initial_position, InitialPosition::earliest);
  EXPECT_EQ(full.options.name, "n");
  EXPECT_EQ(full.options.receiver_queue_size, 7U);
  EXPECT_EQ(full.options.negative_ack_delay, std::chrono::milliseconds(5));
  EXPECT_EQ(full.options.ack_timeout, std::chrono::milliseconds(6));
  EXPECT_EQ(full.options.dead_letter->max_redeliveries, 2U);
  EXPECT_EQ(full.options.dead_letter->topic, "d");
  EXPECT_EQ(full.options.priority, 4U);
  EXPECT_EQ(full.options.hash_ranges,
            (std::vector<HashRange>{{.first = 0, .last = 9}, {.first = 20, .last = 20}}));
  EXPECT_EQ(full.idle_timeout, std::chrono::milliseconds(9));
}

TEST(MessageJson, RefusesWrongConsumersByName) {
  for (const auto& [body, named] : std::vector<std::pair<std::string, std::string>>{
           {R"({"subscription": "s"})", "'topic' is needed"},
           {R"({"topic": "", "subscription": "s"})", "'topic' is needed"},
           {R"({"topic": "t"})", "'subscription' is needed"},
           {R"({"topic": "t", "subscription": "s", "type": "any"})", "key_shared"},
           {R"({"topic": "t", "subscription": "s", "initial_position": "middle"})", "earliest or latest"},
           {R"({"topic": "t", "subscription": "s", "hash_ranges": [[1]]})", "pairs [first, last]"},
           {R"({"topic": "t", "subscription": "s", "hash_ranges": [[1, -2]]})", "pairs [first, last]"},
           {R"({"topic": "t", "subscription": "s", "dead_letter": {"max": 1}})", "'dead_letter.max'"},
           {R"({"topic": "t", "subscription": "s", "dead_letter": true})",
            "'dead_letter' must be an object"}}) {
    const auto consumer = read_consumer(json::parse(body));
    ASSERT_FALSE(consumer) << body;
    EXPECT_THAT(consumer.error().message, HasSubstr(named)) << body;
  }
}

TEST(MessageJson, ABodyThatIsNotUtf8IsBase64) {
  Message message;
  message.body = std::string("\0\xff", 2);
  EXPECT_EQ(to_json(message)["body_base64"], "AP8=");
  EXPECT_FALSE(to_json(message).contains("body"));
  message.body = "ü";
  EXPECT_EQ(to_json(message)["body"], "ü");
}

TEST(MessageJson, ANackMayNameADelayAnAckMayNot) {
  const json body = json::parse(R"({"ids": ["1:2:-1"], "delay_ms": 3})");
  EXPECT_EQ(read_settle(body, true).value().delay, std::chrono::milliseconds(3));
  EXPECT_FALSE(read_settle(body, false));
  EXPECT_FALSE(read_settle(json::parse(R"({"ids": "1:2:-1"})"), true));
  EXPECT_FALSE(read_settle(json::parse(R"({"ids": [1]})"), true));
}

}  // namespace
}  // namespace geminga::doors
