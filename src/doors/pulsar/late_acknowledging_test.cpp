// Acknowledgements of clients that are late, come twice, or name what is not there any more.
#include <string>
#include <vector>

#include "doors/pulsar/consuming_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;

class PulsarLateAcknowledgingTest : public testing::ConsumingTest {
 protected:
  /// Is it taken?
  static bool acked(testing::RawPulsar& client, const wire::MessageIdData& id,
                    wire::AckType type = wire::AckType::individual) {
    const std::vector ids{id};
    client.say(wire::CommandAck{.consumer_id = 1, .ack_type = type, .message_id = ids, .request_id = 7U});
    return !client.hear<wire::CommandAckResponse>()->error.present();
  }
  void remove_topic() {
    ASSERT_TRUE(base::await<void>(
        [&](auto done) { broker_->delete_topic(std::string(testing::kTopic), true, std::move(done)); }, 10s,
        "delete"));
  }
};

TEST_F(PulsarLateAcknowledgingTest, CumulativeOnesInsideABatchFollowEachOther) {
  const auto producer = client();
  producer->producer();
  producer->publish(0, "before");
  send_abc(*producer);
  const auto client = this->client();
  client->subscribe();
  client->flow(10);
  client->hear<wire::CommandMessage>();
  auto id = client->hear<wire::CommandMessage>()->message_id;
  const std::vector<std::int64_t> two_left{0b110};
  const std::vector<std::int64_t> one_left{0b100};
  for (const auto& left : {two_left, one_left}) {
    id.ack_set = left;
    const std::vector ids{id};
    client->say(wire::CommandAck{
        .consumer_id = 1, .ack_type = wire::AckType::cumulative, .message_id = ids, .request_id = 7U});
  }
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(client->hear<wire::CommandAckResponse>()->error.present()) << i;
  EXPECT_EQ(stats().backlog, 1U);
  EXPECT_EQ(stats().unacked, 1U);
}

TEST_F(PulsarLateAcknowledgingTest, ALateOneIsTakenAndOnceMoreToo) {
  publish(1);
  const auto client = this->client();
  client->subscribe(of(wire::SubscriptionType::shared));
  client->flow(1);
  const auto id = client->hear<wire::CommandMessage>()->message_id;
  client->say(wire::CommandRedeliverUnacknowledgedMessages{.consumer_id = 1});
  EXPECT_TRUE(acked(*client, id));
  EXPECT_EQ(stats().backlog, 0U);
  EXPECT_TRUE(acked(*client, id));
  client->flow(1);
  expect_quiet(*client);
}

TEST_F(PulsarLateAcknowledgingTest, OneForWhatAnotherConsumerHasNowIsTaken) {
  publish(1);
  const auto first = client();
  first->subscribe(of(wire::SubscriptionType::shared));
  first->flow(1);
  const auto id = first->hear<wire::CommandMessage>()->message_id;
  const auto second = client();
  second->subscribe(of(wire::SubscriptionType::shared));
  second->flow(1);
  const std::vector ids{id};
  first->say(wire::CommandRedeliverUnacknowledgedMessages{.consumer_id = 1, .message_ids = ids});
  second->hear<wire::CommandMessage>();
  EXPECT_TRUE(acked(*first, id));
  EXPECT_TRUE(acked(*second, id));
  EXPECT_EQ(stats().unacked, 0U);
}

TEST_F(PulsarLateAcknowledgingTest, OneForWhatCameBeforeTheClientConnectedAnewIsTaken) {
  publish(3);
  wire::MessageIdData id;
  {
    const auto client = this->client();
    client->subscribe();
    client->flow(10);
    client->hear<wire::CommandMessage>();
    id = client->hear<wire::CommandMessage>()->message_id;
  }
  reopen();
  const auto client = this->client();
  client->subscribe();
  EXPECT_TRUE(acked(*client, id, wire::AckType::cumulative));
  client->flow(10);
  EXPECT_EQ(take(*client, 1), (std::vector<std::string>{"2"}));
}

TEST_F(PulsarLateAcknowledgingTest, OneForATopicBeforeLeavesTheOneOfTheSameNameAlone) {
  publish(1);
  const auto client = this->client();
  client->subscribe(of(wire::SubscriptionType::shared));
  client->flow(10);
  const auto old = client->hear<wire::CommandMessage>()->message_id;
  remove_topic();
  client->hear<wire::CommandCloseConsumer>();
  publish(1);
  client->subscribe(of(wire::SubscriptionType::shared));
  client->flow(10);
  const auto id = client->hear<wire::CommandMessage>()->message_id;
  ASSERT_EQ(id.entry_id, old.entry_id);
  ASSERT_NE(id.ledger_id, old.ledger_id);
  EXPECT_TRUE(acked(*client, old)) << "there is nothing left of it to acknowledge";
  EXPECT_EQ(stats().backlog, 1U);
  const std::vector ids{old};
  client->say(wire::CommandRedeliverUnacknowledgedMessages{.consumer_id = 1, .message_ids = ids});
  expect_quiet(*client);
  EXPECT_TRUE(acked(*client, id));
  EXPECT_EQ(stats().backlog, 0U);
}

}  // namespace
}  // namespace geminga::doors::pulsar
