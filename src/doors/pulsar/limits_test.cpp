// What policies and bounds ask of those who publish.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "doors/pulsar/consuming_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using testing::entry_of;

class PulsarLimitsTest : public testing::ConsumingTest {
 protected:
  void set(Policies policies) {
    ASSERT_TRUE(base::await<void>(
        [&](auto done) { broker_->set_policies(topic(), policies, std::move(done)); }, 10s, "policies"));
  }
  std::uint64_t stored() {
    return base::await<TopicStats>([&](auto done) { broker_->stats(topic(), std::move(done)); }, 10s, "stats")
        ->stored_messages;
  }
  /// What PRODUCER_SUCCESS says of what this name sent last.
  static std::int64_t last_of(testing::RawPulsar& client, std::string_view name) {
    wire::CommandProducer producer{.topic = testing::kTopic, .producer_id = 1, .request_id = 1};
    producer.producer_name = name;
    client.say(producer);
    return *client.hear<wire::CommandProducerSuccess>()->last_sequence_id;
  }
  static void send_batch(testing::RawPulsar& client, std::uint64_t first, std::int32_t messages) {
    wire::BatchWriter batch;
    for (std::int32_t i = 0; i < messages; ++i) batch.add({}, "m");
    wire::MessageMetadata metadata{.sequence_id = first};
    metadata.num_messages_in_batch = messages;
    const std::uint64_t last = first + static_cast<std::uint64_t>(messages) - 1;
    metadata.highest_sequence_id = last;
    client.say(
        wire::CommandSend{
            .producer_id = 1, .sequence_id = first, .num_messages = messages, .highest_sequence_id = last},
        entry_of(batch.payload(), metadata));
    EXPECT_EQ(*client.hear<wire::CommandSendReceipt>()->highest_sequence_id, last);
  }
};

// --- deduplication

TEST_F(PulsarLimitsTest, WhatComesAgainIsStoredOnceWhereThePolicySaysSo) {
  set({.deduplication = true});
  {
    const auto client = this->client();
    EXPECT_EQ(last_of(*client, "p"), -1);
    client->publish(0, "zero");
    const auto first = client->publish(1, "one");
    const auto again = client->publish(1, "one");
    EXPECT_EQ(again.entry_id, first.entry_id) << "the receipt that was lost";
    const auto older = client->publish(0, "zero");
    EXPECT_EQ(older.ledger_id, ~0ULL);
    EXPECT_EQ(older.entry_id, ~0ULL);
  }
  EXPECT_EQ(stored(), 2U);
  reopen();
  const auto client = this->client();
  EXPECT_EQ(last_of(*client, "p"), 1);
  client->publish(1, "one");
  EXPECT_EQ(stored(), 2U);
  client->publish(2, "two");
  EXPECT_EQ(stored(), 3U);
}

TEST_F(PulsarLimitsTest, ABatchThatComesAgainIsStoredOnce) {
  set({.deduplication = true});
  const auto client = this->client();
  last_of(*client, "p");
  send_batch(*client, 0, 3);
  send_batch(*client, 0, 3);
  EXPECT_EQ(stored(), 1U);
  send_batch(*client, 3, 2);
  EXPECT_EQ(stored(), 2U);
  const auto other = this->client();
  EXPECT_EQ(last_of(*other, "q"), -1);
  send_batch(*other, 0, 3);
  EXPECT_EQ(stored(), 3U) << "of another name";
}

TEST_F(PulsarLimitsTest, WithoutThePolicyWhatComesAgainIsStoredAgain) {
  const auto client = this->client();
  EXPECT_EQ(last_of(*client, "p"), -1);
  client->publish(0, "zero");
  client->publish(0, "zero");
  EXPECT_EQ(stored(), 2U);
}

// --- one bad message among others

TEST_F(PulsarLimitsTest, ABatchThatCannotBeIsRefusedAloneAmongThoseOfItsTurn) {
  const auto client = this->client();
  client->producer();
  wire::MessageMetadata lie{.sequence_id = 1};
  lie.compression = wire::CompressionType::zstd;
  lie.uncompressed_size = 4'000'000'000U;
  lie.num_messages_in_batch = 100'000'000;
  wire::MessageMetadata dense{.sequence_id = 2};
  dense.compression = wire::CompressionType::zstd;
  dense.uncompressed_size = 60'000U;
  dense.num_messages_in_batch = 10'000;
  client->send(0, "before");
  client->say(wire::CommandSend{.producer_id = 1, .sequence_id = 1}, entry_of("compressed", lie));
  client->say(wire::CommandSend{.producer_id = 1, .sequence_id = 2}, entry_of("compressed", dense));
  client->send(3, "behind");
  EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, 0U);
  EXPECT_EQ(client->hear<wire::CommandSendError>()->sequence_id, 1U);
  EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, 2U);
  EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, 3U);
  EXPECT_EQ(stored(), 3U);
}

TEST_F(PulsarLimitsTest, ADelayedMessageIsRefusedAloneOnANonPersistentTopic) {
  const auto client = this->client();
  client->producer(1, "non-persistent://public/default/v");
  wire::MessageMetadata late{.sequence_id = 1};
  late.deliver_at_time = 4'000'000'000'000;
  client->send(0, "before");
  client->say(wire::CommandSend{.producer_id = 1, .sequence_id = 1}, entry_of("late", late));
  client->send(2, "behind");
  EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, 0U);
  EXPECT_EQ(client->hear<wire::CommandSendError>()->sequence_id, 1U);
  EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, 2U);
}

TEST_F(PulsarLimitsTest, ANonPersistentTopicBeginsWithWhatComesNextWhateverIsAsked) {
  constexpr std::string_view kVolatile = "non-persistent://public/default/v";
  const auto client = this->client();
  client->subscribe({.topic = kVolatile, .initial_position = wire::InitialPosition::earliest});
  wire::CommandSubscribe reader{
      .topic = kVolatile, .subscription = "reader", .consumer_id = 2, .durable = false};
  reader.start_message_id = wire::MessageIdData{.ledger_id = ~0ULL, .entry_id = ~0ULL};
  client->subscribe(reader);
  for (const std::uint64_t each : {1, 2}) client->flow(1, each);
  client->say(wire::CommandPing{});
  client->hear<wire::CommandPong>();
  const auto producer = this->client();
  producer->producer(1, kVolatile);
  producer->publish(0, "now");
  EXPECT_EQ(take(*client, 2), (std::vector<std::string>{"now", "now"}));
}

// --- quotas and numbers

TEST_F(PulsarLimitsTest, AClientHearsWhetherABacklogOverItsQuotaHoldsOrRefuses) {
  const auto client = this->client();
  client->subscribe({.subscription = "slow"});
  publish(1);
  set({.backlog_bytes = 1});
  const auto refusal = [&] {
    client->say(wire::CommandProducer{.topic = testing::kTopic, .producer_id = 7, .request_id = 7});
    return client->hear<wire::CommandError>()->error;
  };
  EXPECT_EQ(refusal(), wire::ServerError::producer_blocked_quota_exceeded_error);
  set({.backlog_bytes = 1, .backlog_action = BacklogAction::producer_exception});
  EXPECT_EQ(refusal(), wire::ServerError::producer_blocked_quota_exceeded_exception);
  set({.backlog_bytes = 1, .backlog_action = BacklogAction::consumer_backlog_eviction});
  client->say(wire::CommandProducer{.topic = testing::kTopic, .producer_id = 7, .request_id = 7});
  client->hear<wire::CommandProducerSuccess>();
}

TEST_F(PulsarLimitsTest, OneMoreThanThereMayBeIsRefusedInWordsThatClientsKnow) {
  set({.max_producers = 1, .max_consumers = 2, .max_subscriptions = 1});
  const auto client = this->client();
  client->producer(1);
  client->say(wire::CommandProducer{.topic = testing::kTopic, .producer_id = 2, .request_id = 2});
  EXPECT_EQ(client->hear<wire::CommandError>()->error, wire::ServerError::producer_busy);
  for (const std::uint64_t id : {1, 2}) client->subscribe(of(wire::SubscriptionType::shared, id));
  const auto refusal = [&](std::string_view subscription) {
    client->say(wire::CommandSubscribe{.topic = testing::kTopic,
                                       .subscription = subscription,
                                       .sub_type = wire::SubscriptionType::shared,
                                       .consumer_id = 3,
                                       .request_id = 3});
    return client->hear<wire::CommandError>()->error;
  };
  EXPECT_EQ(refusal("s"), wire::ServerError::consumer_busy);
  set({.max_subscriptions = 1});
  EXPECT_EQ(refusal("another"), wire::ServerError::not_allowed);
}

TEST_F(PulsarLimitsTest, ASubscriptionThatComesWithAProducerHasAGoodName) {
  const auto client = this->client();
  wire::CommandProducer producer{.topic = testing::kTopic, .producer_id = 1, .request_id = 1};
  producer.initial_subscription_name = "a\nb";
  client->say(producer);
  EXPECT_EQ(client->hear<wire::CommandError>()->error, wire::ServerError::not_allowed);
}

// --- subscriptions that are not durable

TEST_F(PulsarLimitsTest, SeveralConsumersShareASubscriptionThatIsNotDurable) {
  publish(4);
  const auto first = client();
  const auto second = client();
  wire::CommandSubscribe passing{.sub_type = wire::SubscriptionType::shared, .durable = false};
  passing.start_message_id = wire::MessageIdData{.ledger_id = ~0ULL, .entry_id = ~0ULL};
  first->subscribe(passing);
  second->subscribe(passing);
  first->flow(2);
  auto bodies = take(*first, 2);
  second->flow(2);
  std::ranges::copy(take(*second, 2), std::back_inserter(bodies));
  EXPECT_EQ(bodies, (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_FALSE(stats().durable);
  EXPECT_EQ(stats().unacked, 4U);
  const auto other = client();
  other->say(wire::CommandSubscribe{
      .topic = testing::kTopic, .subscription = "s", .consumer_id = 1, .request_id = 1});
  EXPECT_EQ(other->hear<wire::CommandError>()->error, wire::ServerError::consumer_busy);
}

TEST_F(PulsarLimitsTest, ASubscriptionThatIsNotDurableGoesWithItsLastConsumer) {
  publish(2);
  wire::CommandSubscribe passing{.sub_type = wire::SubscriptionType::key_shared, .durable = false};
  passing.start_message_id = wire::MessageIdData{.ledger_id = ~0ULL, .entry_id = ~0ULL};
  const auto client = this->client();
  client->subscribe(passing);
  client->flow(10);
  const auto id = client->hear<wire::CommandMessage>()->message_id;
  client->hear<wire::CommandMessage>();
  client->ack(id);
  EXPECT_EQ(stats().backlog, 1U);
  client->say(wire::CommandSeek{.consumer_id = 1, .request_id = 9, .message_id = id});
  client->hear<wire::CommandCloseConsumer>();
  client->hear<wire::CommandSuccess>();
  passing.start_message_id = wire::MessageIdData{.ledger_id = INT64_MAX, .entry_id = INT64_MAX};
  client->subscribe(passing);
  client->flow(10);
  EXPECT_EQ(take(*client, 2), (std::vector<std::string>{"0", "1"})) << "where the seek led to";
  client->say(wire::CommandCloseConsumer{.consumer_id = 1, .request_id = 10});
  client->hear<wire::CommandSuccess>();
  EXPECT_THROW(stats(), std::runtime_error);
}

// --- readers and times

TEST_F(PulsarLimitsTest, AReaderSeeksToATime) {
  publish(3);
  const auto client = this->client();
  wire::CommandSubscribe reader{.subscription = "r", .consumer_id = 1, .durable = false};
  reader.initial_position = wire::InitialPosition::latest;
  client->subscribe(reader);
  client->say(wire::CommandSeek{.consumer_id = 1, .request_id = 9, .message_publish_time = 1U});
  client->hear<wire::CommandCloseConsumer>();
  client->hear<wire::CommandSuccess>();
  client->subscribe(reader);
  client->flow(10);
  EXPECT_EQ(take(*client, 3), (std::vector<std::string>{"0", "1", "2"}));
  client->say(
      wire::CommandSeek{.consumer_id = 1, .request_id = 10, .message_publish_time = 4'000'000'000'000U});
  client->hear<wire::CommandCloseConsumer>();
  client->hear<wire::CommandSuccess>();
  reader.initial_position = wire::InitialPosition::earliest;
  client->subscribe(reader);
  client->flow(10);
  expect_quiet(*client);
}

TEST_F(PulsarLimitsTest, AReaderBeginsSoManySecondsBack) {
  publish(2);
  const auto client = this->client();
  for (const std::uint64_t seconds : {3'600ULL, ~0ULL}) {
    wire::CommandSubscribe reader{.subscription = "r", .consumer_id = seconds, .durable = false};
    reader.initial_position = wire::InitialPosition::latest;
    reader.start_message_rollback_duration_sec = seconds;
    client->subscribe(reader);
    client->flow(10, seconds);
    EXPECT_EQ(take(*client, 2), (std::vector<std::string>{"0", "1"}));
  }
}

}  // namespace
}  // namespace geminga::doors::pulsar
