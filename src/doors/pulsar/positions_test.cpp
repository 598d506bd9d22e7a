// Where a consumer or reader is: seeks, beginnings and ends.
#include <optional>
#include <string>
#include <vector>

#include "doors/pulsar/consuming_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using testing::entry_of;

class PulsarPositionsTest : public testing::ConsumingTest {};

TEST_F(PulsarPositionsTest, ASeekEndsItsConsumerWhichComesAgain) {
  publish(5);
  const auto client = this->client();
  client->subscribe();
  client->flow(10);
  std::vector<wire::MessageIdData> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(client->hear<wire::CommandMessage>()->message_id);
  client->ack(ids[4], wire::AckType::cumulative);
  client->say(wire::CommandSeek{.consumer_id = 1, .request_id = 9, .message_id = ids[2]});
  EXPECT_EQ(client->hear<wire::CommandCloseConsumer>()->consumer_id, 1U);
  EXPECT_EQ(client->hear<wire::CommandSuccess>()->request_id, 9U);
  client->subscribe();
  client->flow(10);
  EXPECT_EQ(take(*client, 3), (std::vector<std::string>{"2", "3", "4"}));
  const auto earliest = wire::MessageIdData{.ledger_id = ~0ULL, .entry_id = ~0ULL};
  client->say(wire::CommandSeek{.consumer_id = 1, .request_id = 10, .message_id = earliest});
  client->hear<wire::CommandCloseConsumer>();
  client->hear<wire::CommandSuccess>();
  client->subscribe();
  client->flow(10);
  EXPECT_EQ(take(*client, 5).front(), "0");
  client->say(wire::CommandSeek{.consumer_id = 1, .request_id = 11, .message_publish_time = 1U});
  client->hear<wire::CommandCloseConsumer>();
  client->hear<wire::CommandSuccess>();
}

TEST_F(PulsarPositionsTest, AReaderBeginsWhereItsClientSays) {
  publish(4);
  const auto client = this->client();
  wire::CommandSubscribe reader{.subscription = "reader-1", .consumer_id = 1, .durable = false};
  reader.start_message_id = wire::MessageIdData{.ledger_id = ~0ULL, .entry_id = ~0ULL};
  client->subscribe(reader);
  client->flow(10);
  std::vector<wire::MessageIdData> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(client->hear<wire::CommandMessage>()->message_id);
  client->ack(ids[3], wire::AckType::cumulative);  // is nobody's business
  client->say(wire::CommandSeek{.consumer_id = 1, .request_id = 9, .message_id = ids[2]});
  client->hear<wire::CommandCloseConsumer>();
  client->hear<wire::CommandSuccess>();
  reader.start_message_id = ids[2];  // the client leaves out what it has had
  client->subscribe(reader);
  client->flow(10);
  EXPECT_EQ(take(*client, 2), (std::vector<std::string>{"2", "3"}));
  const auto all =
      base::await<TopicStats>([&](auto done) { broker_->stats(topic(), std::move(done)); }, 10s, "stats");
  for (const SubscriptionStats& each : all->subscriptions) EXPECT_FALSE(each.durable) << each.name;
}

TEST_F(PulsarPositionsTest, TheLastMessageIsKnownWithItsPlaceInTheBatch) {
  const auto client = this->client();
  client->subscribe();
  client->say(wire::CommandGetLastMessageId{.consumer_id = 1, .request_id = 1});
  EXPECT_EQ(client->hear<wire::CommandGetLastMessageIdResponse>()->last_message_id.entry_id, ~0ULL);
  client->producer();
  const auto first = client->publish(0, "one");
  client->say(wire::CommandGetLastMessageId{.consumer_id = 1, .request_id = 2});
  const auto single = client->hear<wire::CommandGetLastMessageIdResponse>();
  EXPECT_EQ(single->last_message_id.entry_id, first.entry_id);
  EXPECT_EQ(single->last_message_id.ledger_id, first.ledger_id);
  EXPECT_EQ(*single->last_message_id.batch_index, -1);
  wire::BatchWriter batch;
  for (const char* body : {"a", "b", "c"}) batch.add({}, body);
  wire::MessageMetadata metadata;
  metadata.num_messages_in_batch = 3;
  client->say(wire::CommandSend{.producer_id = 1, .num_messages = 3}, entry_of(batch.payload(), metadata));
  client->hear<wire::CommandSendReceipt>();
  client->say(wire::CommandGetLastMessageId{.consumer_id = 1, .request_id = 3});
  EXPECT_EQ(*client->hear<wire::CommandGetLastMessageIdResponse>()->last_message_id.batch_index, 2);
}

TEST_F(PulsarPositionsTest, AReaderAtTheEndHearsWhetherSomethingCame) {
  publish(2);
  const auto client = this->client();
  client->subscribe({.durable = false, .initial_position = wire::InitialPosition::latest});
  const auto before_last = [&] {
    client->say(wire::CommandGetLastMessageId{.consumer_id = 1, .request_id = 1});
    const auto response = client->hear<wire::CommandGetLastMessageIdResponse>();
    return response->consumer_mark_delete_position->entry_id < response->last_message_id.entry_id;
  };
  EXPECT_FALSE(before_last());
  publish(1);
  EXPECT_TRUE(before_last());
}

TEST_F(PulsarPositionsTest, TheEndOfATopicIsTold) {
  publish(1);
  const auto client = this->client();
  client->subscribe();
  client->flow(10);
  const auto id = client->hear<wire::CommandMessage>()->message_id;
  ASSERT_TRUE(base::await<std::optional<MessageId>>(
      [&](auto done) { broker_->terminate_topic(topic(), std::move(done)); }, 10s, "terminate"));
  client->ack(id);
  EXPECT_EQ(client->hear<wire::CommandReachedEndOfTopic>()->consumer_id, 1U);
}

}  // namespace
}  // namespace geminga::doors::pulsar
