#include "bus/environment.hpp"

#include <map>

#include <gtest/gtest.h>

namespace geminga::bus {
namespace {

Result<BusChoice> choose(std::map<std::string, std::string, std::less<>> variables) {
  return choose_bus(
      [&](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      },
      "embedded:fallback");
}

TEST(Environment, NothingSetIsTheFallback) {
  EXPECT_EQ(choose({})->url, "embedded:fallback");
}

TEST(Environment, TypeAndNameServer) {
  EXPECT_EQ(choose({{"COZE_MQ_TYPE", "kafka"}, {"MQ_NAME_SERVER", "h:9092"}})->url, "kafka://h:9092");
  EXPECT_EQ(choose({{"COZE_MQ_TYPE", "rmq"}, {"MQ_NAME_SERVER", "h:9876"}})->url, "rocketmq://h:9876");
  EXPECT_EQ(choose({{"COZE_MQ_TYPE", "embedded"}, {"MQ_NAME_SERVER", "/x"}})->url, "embedded:/x");
  const auto three = choose({{"COZE_MQ_TYPE", "pulsar"}, {"MQ_NAME_SERVER", "pulsar://a:1,pulsar://b:1"}});
  EXPECT_EQ(three->url, "pulsar://a:1,pulsar://b:1");
  EXPECT_EQ(three->reason, "COZE_MQ_TYPE=pulsar and MQ_NAME_SERVER");
}

TEST(Environment, TypeBeatsTheOlderNames) {
  EXPECT_EQ(choose({{"COZE_MQ_TYPE", "nsq"},
                    {"MQ_NAME_SERVER", "h:4150"},
                    {"ENABLE_PULSAR", "true"},
                    {"PULSAR_SERVICE_URL", "pulsar://p"}})
                ->url,
            "nsq://h:4150");
}

TEST(Environment, PulsarWinsOverKafka) {
  EXPECT_EQ(choose({{"ENABLE_PULSAR", "true"},
                    {"PULSAR_SERVICE_URL", "pulsar://p:6650"},
                    {"ENABLE_KAFKA", "true"},
                    {"KAFKA_BROKERS", "k:9092"}})
                ->url,
            "pulsar://p:6650");
  EXPECT_EQ(choose({{"ENABLE_PULSAR", "false"}, {"ENABLE_KAFKA", "1"}, {"KAFKA_BROKERS", "k:9092"}})->url,
            "kafka://k:9092");
}

TEST(Environment, KafkaOnPulsarIsTheKafkaEngine) {
  EXPECT_EQ(choose({{"ENABLE_PULSAR", "true"},
                    {"PULSAR_SERVICE_URL", "pulsar://p"},
                    {"USE_PULSAR_KOP", "true"},
                    {"KAFKA_BROKERS", "k:9092"}})
                ->url,
            "kafka://k:9092");
}

TEST(Environment, ErrorsNameTheVariable) {
  const auto expect_named = [](const Result<BusChoice>& choice, std::string_view variable) {
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().code, ErrorCode::config_error);
    EXPECT_TRUE(choice.error().message.contains(variable)) << choice.error().message;
  };
  expect_named(choose({{"COZE_MQ_TYPE", ""}}), "COZE_MQ_TYPE");
  expect_named(choose({{"COZE_MQ_TYPE", "zeromq"}}), "COZE_MQ_TYPE");
  expect_named(choose({{"COZE_MQ_TYPE", "kafka"}}), "MQ_NAME_SERVER");
  expect_named(choose({{"COZE_MQ_TYPE", "kafka"}, {"MQ_NAME_SERVER", ""}}), "MQ_NAME_SERVER");
  expect_named(choose({{"ENABLE_PULSAR", "true"}}), "PULSAR_SERVICE_URL");
  expect_named(choose({{"ENABLE_PULSAR", "maybe"}}), "ENABLE_PULSAR");
  expect_named(choose({{"ENABLE_KAFKA", ""}}), "ENABLE_KAFKA");
  expect_named(choose({{"ENABLE_KAFKA", "true"}, {"KAFKA_BROKERS", ""}}), "KAFKA_BROKERS");
}

}  // namespace
}  // namespace geminga::bus
