#include "bus/registry.hpp"

#include <array>

#include <gtest/gtest.h>

#include "bus/dead_letter.hpp"
#include "bus/message_check.hpp"

namespace geminga::bus {
namespace {

constexpr std::array kSchemes = {
    EngineScheme{"embedded", "embedded:./data",
                 [](std::string_view, const BusOptions&) -> Result<std::unique_ptr<Engine>> {
                   return fail(ErrorCode::closed, "opened");
                 }}};

void expect_refused(std::string_view url, ErrorCode code, std::string_view text) {
  const auto opened = open_engine(kSchemes, url, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, code) << url;
  EXPECT_TRUE(opened.error().message.contains(text)) << opened.error().message;
}

TEST(Registry, TheSchemeChooses) {
  expect_refused("embedded:x", ErrorCode::closed, "opened");
}

TEST(Registry, ErrorsListWhatIsBuilt) {
  expect_refused("", ErrorCode::invalid_argument, "embedded:./data");
  expect_refused("data", ErrorCode::invalid_argument, "embedded:./data");
  expect_refused("zeromq://h", ErrorCode::unknown_scheme, "embedded:./data");
}

TEST(Registry, AnEngineThatIsPlannedSaysThatItIsNotBuilt) {
  for (const char* url :
       {"pulsar://h:6650", "pulsar+ssl://h", "kafka://h:9092", "rocketmq://h", "nsq://h", "nats://h"})
    expect_refused(url, ErrorCode::unknown_scheme, "not built");
}

TEST(DeadLetter, TopicIsNamedLikePulsars) {
  EXPECT_EQ(dead_letter_topic({}, "persistent://a/b/t", "group", "public/default").value(),
            "persistent://a/b/t-group-DLQ");
  EXPECT_EQ(dead_letter_topic({.topic = "dead"}, "persistent://a/b/t", "group", "x/y").value(),
            "persistent://x/y/dead");
  const auto illegal = dead_letter_topic({}, "persistent://a/b/t", "my group", "x/y");
  ASSERT_FALSE(illegal);
  EXPECT_TRUE(illegal.error().message.contains("DeadLetterPolicy.topic"));
}

TEST(DeadLetter, ALongReasonIsCutBehindAWholeCharacter) {
  std::string reason(4'095, 'x');
  reason += "\u00e4 and more";
  const auto letter = dead_letter({}, "group", reason);
  EXPECT_EQ(letter.properties.at(std::string(DeadLetterProperty::kReason)), std::string(4'095, 'x'));
}

class MessageCheck : public ::testing::Test {
 protected:
  MessageCheck() {
    for (std::size_t i = 0; i < kFeatureCount; ++i)
      table_.set(static_cast<Feature>(i), Support::native, "yes");
  }
  Result<> check(OutgoingMessage& message) {
    return check_message(message, {.max_message_bytes = 10}, table_, clock_);
  }
  Capabilities table_;
  base::ManualClock clock_;
};

TEST_F(MessageCheck, Sizes) {
  OutgoingMessage message;
  message.body = std::string(10, 'x');
  EXPECT_TRUE(check(message));
  message.body += 'x';
  EXPECT_EQ(check(message).error().code, ErrorCode::too_large);
  message.body.clear();
  message.key = std::string(kKeyBytesMax + 1, 'k');
  EXPECT_EQ(check(message).error().code, ErrorCode::too_large);
  message.key.clear();
  message.properties["name"] = std::string(kPropertiesBytesMax, 'p');
  EXPECT_EQ(check(message).error().code, ErrorCode::too_large);
}

TEST_F(MessageCheck, DeliverAfterBecomesDeliverAt) {
  OutgoingMessage message;
  message.deliver_after = std::chrono::milliseconds(5);
  ASSERT_TRUE(check(message));
  EXPECT_EQ(message.deliver_at, clock_.wall_now() + std::chrono::milliseconds(5));
  EXPECT_FALSE(message.deliver_after);
  message.deliver_at.reset();
  message.deliver_after = std::chrono::milliseconds(-1);
  EXPECT_EQ(check(message).error().code, ErrorCode::invalid_argument);
}

TEST_F(MessageCheck, WhatTheEngineCannotIsRefusedWithItsReason) {
  table_.set(Feature::delayed_delivery, Support::impossible, "no clock");
  OutgoingMessage message;
  message.deliver_after = std::chrono::milliseconds(5);
  const auto refused = check(message);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported_by_engine);
  EXPECT_TRUE(refused.error().message.contains("no clock"));
}

}  // namespace
}  // namespace geminga::bus
