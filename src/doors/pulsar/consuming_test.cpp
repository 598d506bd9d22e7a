// From SUBSCRIBE and FLOW to MESSAGE.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "doors/pulsar/consuming_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using testing::entry_of;
using ::testing::HasSubstr;
using testing::payload_of;

class PulsarConsumingTest : public testing::ConsumingTest {};

TEST_F(PulsarConsumingTest, HoweverLittleGoesAheadOfItsSocketAllComes) {
  publish(40);
  for (const std::uint64_t window : {1U, 1'000U, 100'000U}) {
    options_.window_bytes = window;
    listen();
    const auto client = this->client();
    client->subscribe({.subscription = std::to_string(window)});
    client->flow(1'000);
    const auto bodies = take(*client, 40);
    for (int i = 0; i < 40; ++i) EXPECT_EQ(bodies[static_cast<std::size_t>(i)], std::to_string(i));
  }
}

TEST_F(PulsarConsumingTest, AMessageIsWhatWasSent) {
  const std::string entry =
      entry_of("payload", {.sequence_id = 1, .publish_time = 2, .partition_key = "key"});
  const auto client = this->client();
  client->producer();
  client->say(wire::CommandSend{.producer_id = 1, .sequence_id = 1}, entry);
  const auto receipt = client->hear<wire::CommandSendReceipt>();
  client->subscribe();
  client->flow(10);
  const auto message = client->hear<wire::CommandMessage>();
  EXPECT_EQ(message->consumer_id, 1U);
  EXPECT_EQ(message->message_id.ledger_id, receipt->message_id->ledger_id);
  EXPECT_EQ(message->message_id.entry_id, receipt->message_id->entry_id);
  EXPECT_FALSE(message->redelivery_count.present());
  EXPECT_EQ(message.entry, entry);
}

TEST_F(PulsarConsumingTest, WhatTheBrokerAddsComesToThoseWhoReadIt) {
  publish(2);
  const auto client = this->client({.supports_broker_entry_metadata = true});
  client->subscribe();
  client->flow(10);
  for (std::uint64_t i = 0; i < 2; ++i) {
    const auto message = client->hear<wire::CommandMessage>();
    const auto entry = wire::parse_entry(message.entry).value();
    ASSERT_TRUE(entry.broker);
    EXPECT_EQ(*entry.broker->index, i);
    EXPECT_GT(*entry.broker->broker_timestamp, 1'600'000'000'000U);
  }
}

TEST_F(PulsarConsumingTest, NoMoreComesThanWasPermitted) {
  publish(10);
  const auto client = this->client();
  client->subscribe();
  expect_quiet(*client);
  client->flow(3);
  EXPECT_EQ(take(*client, 3), (std::vector<std::string>{"0", "1", "2"}));
  expect_quiet(*client);
  client->flow(2);
  EXPECT_EQ(take(*client, 2), (std::vector<std::string>{"3", "4"}));
}

TEST_F(PulsarConsumingTest, LargeMessagesAreSentFromWhereTheyLie) {
  const auto client = this->client();
  client->producer();
  std::vector<std::string> bodies;
  for (const std::size_t bytes : {1UL, 8'191UL, 8'192UL, 100'000UL, 3'000'000UL, 2UL})
    bodies.emplace_back(bytes, static_cast<char>('a' + bodies.size()));
  for (std::uint64_t i = 0; i < bodies.size(); ++i) client->publish(i, bodies[i]);
  client->subscribe();
  client->flow(100);
  EXPECT_EQ(take(*client, static_cast<int>(bodies.size())), bodies);
}

TEST_F(PulsarConsumingTest, AnExclusiveSubscriptionHasOneConsumer) {
  const auto first = client();
  first->subscribe();
  const auto second = client();
  second->say(wire::CommandSubscribe{
      .topic = testing::kTopic, .subscription = "s", .consumer_id = 1, .request_id = 2});
  EXPECT_EQ(second->hear<wire::CommandError>()->error, wire::ServerError::consumer_busy);
  first->say(wire::CommandCloseConsumer{.consumer_id = 1, .request_id = 3});
  EXPECT_EQ(first->hear<wire::CommandSuccess>()->request_id, 3U);
  second->subscribe();
}

TEST_F(PulsarConsumingTest, SharedConsumersShare) {
  publish(20);
  const auto first = client();
  const auto second = client();
  first->subscribe(of(wire::SubscriptionType::shared));
  second->subscribe(of(wire::SubscriptionType::shared));
  first->flow(10);
  auto all = take(*first, 10);
  second->flow(10);
  std::ranges::copy(take(*second, 10), std::back_inserter(all));
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 20U);
}

TEST_F(PulsarConsumingTest, AFailoverConsumerHearsWhetherItIsTheActiveOne) {
  auto first = client();
  first->subscribe(of(wire::SubscriptionType::failover));
  EXPECT_TRUE(*first->hear<wire::CommandActiveConsumerChange>()->is_active);
  const auto second = client();
  second->subscribe(of(wire::SubscriptionType::failover));
  EXPECT_FALSE(*second->hear<wire::CommandActiveConsumerChange>()->is_active);
  first.reset();
  EXPECT_TRUE(*second->hear<wire::CommandActiveConsumerChange>()->is_active);
}

TEST_F(PulsarConsumingTest, AKeyStaysWithItsConsumer) {
  const auto client = this->client();
  for (const std::uint64_t id : {1, 2}) {
    client->subscribe(of(wire::SubscriptionType::key_shared, id));
    client->flow(1'000, id);
  }
  client->producer();
  for (std::uint64_t i = 0; i < 40; ++i)
    client->say(
        wire::CommandSend{.producer_id = 1, .sequence_id = i},
        entry_of(std::to_string(i % 8), {.partition_key = std::string_view("abcdefgh").substr(i % 8, 1)}));
  std::map<std::string, std::set<std::uint64_t>> consumers;
  for (int messages = 0; messages < 40;) {
    const std::string bytes = client->frame();
    const auto frame = wire::parse_frame(bytes).value();
    if (frame.type != wire::CommandType::message) continue;
    ++messages;
    const auto message = wire::decode<wire::CommandMessage>(frame.command).value();
    consumers[std::string(wire::parse_entry(frame.entry)->payload)].insert(message.consumer_id);
  }
  EXPECT_EQ(consumers.size(), 8U);
  for (const auto& [key, whose] : consumers) EXPECT_EQ(whose.size(), 1U) << key;
}

TEST_F(PulsarConsumingTest, ASubscriptionGoesWithItsLastConsumer) {
  publish(1);
  const auto client = this->client();
  client->subscribe();
  client->say(wire::CommandUnsubscribe{.consumer_id = 1, .request_id = 5});
  EXPECT_EQ(client->hear<wire::CommandSuccess>()->request_id, 5U);
  EXPECT_THROW(stats(), std::runtime_error);
}

TEST_F(PulsarConsumingTest, StatisticsOfAConsumer) {
  publish(3);
  const auto client = this->client();
  client->subscribe({.consumer_name = "me"});
  client->flow(2);
  take(*client, 2);
  client->say(wire::CommandConsumerStats{.request_id = 4, .consumer_id = 1});
  const auto stats = client->hear<wire::CommandConsumerStatsResponse>();
  EXPECT_EQ(*stats->consumer_name, "me");
  EXPECT_EQ(*stats->type, "Exclusive");
  EXPECT_EQ(*stats->msg_backlog, 3U);
  EXPECT_EQ(*stats->unacked_messages, 2U);
  client->say(wire::CommandConsumerStats{.request_id = 5, .consumer_id = 9});
  EXPECT_TRUE(client->hear<wire::CommandConsumerStatsResponse>()->error_code.present());
}

TEST_F(PulsarConsumingTest, ADeletedTopicClosesItsConsumers) {
  publish(1);
  const auto client = this->client();
  client->subscribe();
  ASSERT_TRUE(base::await<void>(
      [&](auto done) { broker_->delete_topic(std::string(testing::kTopic), true, std::move(done)); }, 10s,
      "delete"));
  EXPECT_EQ(client->hear<wire::CommandCloseConsumer>()->consumer_id, 1U);
  client->flow(1);  // on its way when it was closed
  expect_quiet(*client);
}

TEST_F(PulsarConsumingTest, WhatOurOwnBusPublishedIsReadable) {
  OutgoingMessage message{.body = "body", .key = "key", .properties = {{"a", "1"}}};
  message.event_time = Timestamp{5ms};
  std::vector<broker::Publication> one;
  one.push_back({.topic = topic(), .append = broker::encode_raw(message, "bus", Timestamp{})});
  one.push_back(
      {.topic = topic(), .append = broker::encode_raw({.body = "", .key = "\xff\xfe"}, "", Timestamp{})});
  ASSERT_TRUE(base::await<std::vector<MessageId>>(
      [&](auto done) { broker_->publish(std::move(one), std::move(done)); }, 10s, "publish"));
  const auto client = this->client();
  client->subscribe();
  client->flow(10);
  const auto got = client->hear<wire::CommandMessage>();
  const auto entry = wire::parse_entry(got.entry).value();
  EXPECT_EQ(entry.payload, "body");
  const auto metadata = wire::decode<wire::MessageMetadata>(entry.metadata).value();
  EXPECT_EQ(metadata.producer_name, "bus");
  EXPECT_EQ(*metadata.partition_key, "key");
  EXPECT_EQ(*metadata.event_time, 5U);
  ASSERT_EQ(metadata.properties.size(), 1U);
  EXPECT_EQ(metadata.properties.begin()->value, "1");
  const auto second = client->hear<wire::CommandMessage>();
  const auto other = wire::decode<wire::MessageMetadata>(wire::parse_entry(second.entry)->metadata).value();
  EXPECT_EQ(*other.partition_key, "//4=");
  EXPECT_TRUE(*other.partition_key_b64_encoded);
}

TEST_F(PulsarConsumingTest, WhatASubscriptionCannotBeIsRefused) {
  const auto client = this->client();
  const auto refused = [&](wire::CommandSubscribe command) {
    command.topic = testing::kTopic;
    if (command.subscription.empty()) command.subscription = "s";
    command.consumer_id = 1;
    client->say(command);
    return std::string(client->hear<wire::CommandError>()->message);
  };
  EXPECT_THAT(refused({.replicate_subscription_state = true}), HasSubstr("one cluster"));
  EXPECT_THAT(refused({.start_message_rollback_duration_sec = 5U}), HasSubstr("seek"));
  EXPECT_THAT(refused({.subscription = "a\nb"}), HasSubstr("subscription"));
  EXPECT_THAT(refused({.force_topic_creation = false}), HasSubstr("does not exist"));
  EXPECT_THAT(refused({.schema = wire::Schema{.type = wire::SchemaType::avro}}), HasSubstr("no JSON"));
}

}  // namespace
}  // namespace geminga::doors::pulsar
