// What is settled, and what comes again.
#include <string>
#include <vector>

#include "doors/pulsar/consuming_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using testing::entry_of;
using testing::payload_of;

class PulsarAcknowledgingTest : public testing::ConsumingTest {};

TEST_F(PulsarAcknowledgingTest, WhatIsAcknowledgedDoesNotComeAgain) {
  publish(3);
  {
    const auto client = this->client();
    client->subscribe();
    client->flow(10);
    client->hear<wire::CommandMessage>();
    const auto second = client->hear<wire::CommandMessage>()->message_id;
    client->hear<wire::CommandMessage>();
    client->ack(second);
  }
  const auto client = this->client();
  client->subscribe();
  client->flow(10);
  EXPECT_EQ(take(*client, 2), (std::vector<std::string>{"0", "2"}));
}

TEST_F(PulsarAcknowledgingTest, ACumulativeAcknowledgementCoversWhatCameBefore) {
  publish(5);
  const auto client = this->client();
  client->subscribe();
  client->flow(10);
  std::vector<wire::MessageIdData> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(client->hear<wire::CommandMessage>()->message_id);
  client->ack(ids[3], wire::AckType::cumulative);
  EXPECT_EQ(stats().backlog, 1U);
}

TEST_F(PulsarAcknowledgingTest, AnAcknowledgementOfWhatIsNotOutSaysSo) {
  publish(1);
  const auto client = this->client();
  client->subscribe();
  const std::vector ids{wire::MessageIdData{.ledger_id = 1, .entry_id = 17}};
  client->say(wire::CommandAck{.consumer_id = 1, .message_id = ids, .request_id = 7U});
  EXPECT_TRUE(client->hear<wire::CommandAckResponse>()->error.present());
  client->say(wire::CommandAck{.consumer_id = 5, .message_id = ids, .request_id = 8U});
  EXPECT_TRUE(client->hear<wire::CommandAckResponse>()->error.present());
  client->say(wire::CommandAck{.consumer_id = 1, .message_id = ids});  // nobody asked
  expect_quiet(*client);
}

TEST_F(PulsarAcknowledgingTest, ABatchIsAcknowledgedMessageByMessage) {
  const auto producer = client();
  producer->producer();
  wire::BatchWriter batch;
  for (const char* body : {"a", "b", "c"}) batch.add({}, body);
  wire::MessageMetadata metadata;
  metadata.num_messages_in_batch = 3;
  producer->say(wire::CommandSend{.producer_id = 1, .num_messages = 3}, entry_of(batch.payload(), metadata));
  producer->hear<wire::CommandSendReceipt>();
  {
    const auto client = this->client();
    client->subscribe(of(wire::SubscriptionType::shared));
    client->flow(10);
    auto id = client->hear<wire::CommandMessage>()->message_id;
    const std::vector<std::int64_t> left{0b101};  // "b" is done
    id.ack_set = left;
    client->ack(id);
  }
  const auto client = this->client();
  client->subscribe(of(wire::SubscriptionType::shared));
  client->flow(10);
  const auto message = client->hear<wire::CommandMessage>();
  ASSERT_EQ(message->ack_set.size(), 1U);
  EXPECT_EQ(*message->ack_set.begin(), 0b101);
  auto id = message->message_id;
  const std::vector<std::int64_t> none{0};
  id.ack_set = none;
  client->ack(id);
  EXPECT_EQ(stats().backlog, 0U);
}

TEST_F(PulsarAcknowledgingTest, WhatIsNotAcknowledgedComesAgainCounted) {
  publish(2);
  const auto client = this->client();
  client->subscribe(of(wire::SubscriptionType::shared));
  client->flow(10);
  const auto first = client->hear<wire::CommandMessage>()->message_id;
  client->hear<wire::CommandMessage>();
  const std::vector ids{first};
  client->say(wire::CommandRedeliverUnacknowledgedMessages{.consumer_id = 1, .message_ids = ids});
  const auto again = client->hear<wire::CommandMessage>();
  EXPECT_EQ(payload_of(again), "0");
  EXPECT_EQ(*again->redelivery_count, 1U);
  client->say(wire::CommandRedeliverUnacknowledgedMessages{.consumer_id = 1});
  EXPECT_EQ(take(*client, 2), (std::vector<std::string>{"0", "1"}));
}

}  // namespace
}  // namespace geminga::doors::pulsar
