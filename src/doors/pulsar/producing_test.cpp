// From PRODUCER and SEND to receipts.
#include <string>
#include <vector>

#include "doors/pulsar/door_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using testing::entry_of;
using ::testing::HasSubstr;

class PulsarProducingTest : public testing::PulsarDoorTest {
 protected:
  std::vector<storage::Entry> stored() {
    return base::await<std::vector<storage::Entry>>(
               [&](auto done) { broker_->browse(topic(), std::nullopt, 1'000, std::move(done)); }, 10s,
               "browse")
        .value();
  }
};

TEST_F(PulsarProducingTest, WhatIsSentIsStoredAsItCame) {
  const auto client = this->client();
  EXPECT_FALSE(client->producer().empty());
  const std::string entry =
      entry_of("payload", {.sequence_id = 7, .publish_time = 8, .partition_key = "key", .event_time = 9U});
  client->say(wire::CommandSend{.producer_id = 1, .sequence_id = 7}, entry);
  const auto receipt = client->hear<wire::CommandSendReceipt>();
  EXPECT_EQ(receipt->sequence_id, 7U);
  const auto all = stored();
  ASSERT_EQ(all.size(), 1U);
  const storage::EntryHeader& header = all[0].header;
  EXPECT_EQ(header.ledger.value, receipt->message_id->ledger_id);
  EXPECT_EQ(header.entry.value, receipt->message_id->entry_id);
  EXPECT_EQ(header.format, storage::PayloadFormat::pulsar);
  EXPECT_EQ(header.key_hash, broker::key_hash("key"));
  EXPECT_EQ(header.sequence, 7U);
  EXPECT_EQ(all[0].body,
            std::string_view(entry).substr(6));  // without magic and checksum, which the header has
}

TEST_F(PulsarProducingTest, ABatchIsOneEntry) {
  const auto client = this->client();
  client->producer();
  wire::BatchWriter batch;
  for (const char* body : {"a", "b", "c"}) batch.add({}, body);
  wire::MessageMetadata metadata{.sequence_id = 5};
  metadata.num_messages_in_batch = batch.messages();
  metadata.highest_sequence_id = 7U;
  client->say(
      wire::CommandSend{.producer_id = 1, .sequence_id = 5, .num_messages = 3, .highest_sequence_id = 7U},
      entry_of(batch.payload(), metadata));
  const auto receipt = client->hear<wire::CommandSendReceipt>();
  EXPECT_EQ(*receipt->highest_sequence_id, 7U);
  const auto all = stored();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].header.message_count, 3U);
  EXPECT_EQ(all[0].header.sequence, 7U);
  EXPECT_TRUE((all[0].header.flags & storage::EntryFlags::kBatch) != 0);
}

TEST_F(PulsarProducingTest, ReceiptsComeInTheOrderOfTheSends) {
  const auto client = this->client();
  client->producer(1);
  client->producer(2, "persistent://public/default/other");
  constexpr std::uint64_t kMessages = 3'000;
  std::string bytes;
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    const std::string entry = entry_of("message", {.sequence_id = i});
    wire::append_frame(bytes, wire::CommandSend{.producer_id = 1 + i % 2, .sequence_id = i}, entry.size());
    bytes += entry;
  }
  client->bytes(bytes);
  std::vector<std::uint64_t> next = {0, 1};
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    const auto receipt = client->hear<wire::CommandSendReceipt>();
    std::uint64_t& expected = next.at(receipt->producer_id - 1);
    EXPECT_EQ(receipt->sequence_id, expected);
    EXPECT_EQ(receipt->message_id->entry_id, expected / 2);
    expected += 2;
  }
}

TEST_F(PulsarProducingTest, SendsOfAllSizesAreStoredAsTheyCameWhateverComesBehindThem) {
  const auto client = this->client();
  client->producer();
  std::string all;
  std::vector<std::string> sent;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const std::size_t size = i % 100 == 99 ? 400'000 : 10 + 7 * i;
    sent.push_back(entry_of(std::string(size, static_cast<char>('a' + i % 26)), {.sequence_id = i}));
    append_frame(all, wire::CommandSend{.producer_id = 1, .sequence_id = i}, sent.back().size());
    all += sent.back();
  }
  client->bytes(all);
  for (std::uint64_t i = 0; i < sent.size(); ++i)
    EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, i);
  const auto entries = stored();
  ASSERT_EQ(entries.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i)
    EXPECT_TRUE(entries[i].body == std::string_view(sent[i]).substr(6)) << i;
}

TEST_F(PulsarProducingTest, AWrongChecksumIsRefusedInItsPlaceAndTheRestGoesOn) {
  const auto client = this->client();
  client->producer();
  std::string damaged = entry_of("message");
  damaged.back() ^= 1;
  std::string bytes;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const std::string entry = i == 1 ? damaged : entry_of("message");
    wire::append_frame(bytes, wire::CommandSend{.producer_id = 1, .sequence_id = i}, entry.size());
    bytes += entry;
  }
  client->bytes(bytes);
  EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, 0U);
  const auto refused = client->hear<wire::CommandSendError>();
  EXPECT_EQ(refused->sequence_id, 1U);
  EXPECT_EQ(refused->error, wire::ServerError::checksum);
  EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, 2U);
  EXPECT_EQ(stored().size(), 2U);
}

TEST_F(PulsarProducingTest, AnEntryWithoutAChecksumGetsOne) {
  const auto client = this->client();
  client->producer();
  client->say(wire::CommandSend{.producer_id = 1}, entry_of("message").substr(6));
  client->hear<wire::CommandSendReceipt>();
  client->subscribe();
  client->flow(1);
  EXPECT_EQ(payload_of(client->hear<wire::CommandMessage>()), "message");
}

TEST_F(PulsarProducingTest, EntriesThatCannotBeEndTheirConnectionOrAreRefused) {
  const std::string good = entry_of("message");
  for (const std::string& broken :
       {std::string(), std::string("\x0e\x01", 2), good.substr(0, 8),
        std::string("\0\0\0\xff", 4) + "metadata", std::string("\xff\xff\xff\xff", 4),
        std::string("\0\0\0\x02\x08\x01", 6)}) {
    const auto client = this->client();
    client->producer();
    client->say(wire::CommandSend{.producer_id = 1}, broken);
    EXPECT_TRUE(client->closed()) << ::testing::PrintToString(broken);
  }
  const auto client = this->client();
  client->producer();
  for (const std::int32_t count : {0, -1, 2'000'000'000}) {
    wire::MessageMetadata metadata;
    metadata.num_messages_in_batch = count;
    client->say(wire::CommandSend{.producer_id = 1, .num_messages = count}, entry_of("message", metadata));
    EXPECT_THAT(std::string(client->hear<wire::CommandSendError>()->message), HasSubstr("cannot be"));
  }
  client->say(wire::CommandSend{.producer_id = 1, .txnid_least_bits = 1U, .txnid_most_bits = 0U}, good);
  EXPECT_EQ(client->hear<wire::CommandSendError>()->error, wire::ServerError::not_allowed);
  EXPECT_EQ(stored().size(), 0U);
}

TEST_F(PulsarProducingTest, ASendOfNoProducerEndsItsConnection) {
  const auto client = this->client();
  client->send(0, "message", 9);
  EXPECT_TRUE(client->closed());
}

TEST_F(PulsarProducingTest, AskedAgainAProducerIsTheSame) {
  const auto client = this->client();
  const std::string name = client->producer();
  EXPECT_EQ(client->producer(), name);
}

TEST_F(PulsarProducingTest, OneProducerOfANameAtATime) {
  const auto first = client();
  EXPECT_EQ(first->producer(1, testing::kTopic, "me"), "me");
  const auto second = client();
  second->say(wire::CommandProducer{
      .topic = testing::kTopic, .producer_id = 1, .request_id = 5, .producer_name = "me"});
  EXPECT_EQ(second->hear<wire::CommandError>()->error, wire::ServerError::producer_busy);
  first->say(wire::CommandCloseProducer{.producer_id = 1, .request_id = 6});
  EXPECT_EQ(first->hear<wire::CommandSuccess>()->request_id, 6U);
  EXPECT_EQ(second->producer(1, testing::kTopic, "me"), "me");
}

TEST_F(PulsarProducingTest, AClosedProducerIsAnsweredFirst) {
  const auto client = this->client();
  client->producer();
  for (std::uint64_t i = 0; i < 100; ++i) client->send(i, "message");
  client->say(wire::CommandCloseProducer{.producer_id = 1, .request_id = 6});
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(client->hear<wire::CommandSendReceipt>()->sequence_id, i);
  EXPECT_EQ(client->hear<wire::CommandSuccess>()->request_id, 6U);
}

TEST_F(PulsarProducingTest, WhatWasSentBeforeTheConnectionEndedIsStored) {
  const auto client = this->client();
  client->producer();
  for (std::uint64_t i = 0; i < 100; ++i) client->send(i, "message");
  client->shut();
  EXPECT_TRUE(client->closed());
  const auto reader = this->client();
  reader->subscribe();
  reader->flow(1'000);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(payload_of(reader->hear<wire::CommandMessage>()), "message");
}

TEST_F(PulsarProducingTest, AnExclusiveProducerWaitsForItsTurn) {
  const auto first = client();
  first->say(wire::CommandProducer{.topic = testing::kTopic,
                                   .producer_id = 1,
                                   .request_id = 1,
                                   .producer_access_mode = wire::ProducerAccessMode::exclusive});
  EXPECT_EQ(*first->hear<wire::CommandProducerSuccess>()->topic_epoch, 1U);
  const auto second = client();
  second->say(wire::CommandProducer{.topic = testing::kTopic,
                                    .producer_id = 1,
                                    .request_id = 2,
                                    .producer_access_mode = wire::ProducerAccessMode::wait_for_exclusive});
  const auto waits = second->hear<wire::CommandProducerSuccess>();
  EXPECT_FALSE(*waits->producer_ready);
  EXPECT_TRUE(waits->schema_version.present());
  first->say(wire::CommandCloseProducer{.producer_id = 1, .request_id = 3});
  first->hear<wire::CommandSuccess>();
  const auto ready = second->hear<wire::CommandProducerSuccess>();
  EXPECT_TRUE(*ready->producer_ready);
  EXPECT_EQ(*ready->topic_epoch, 2U);
  EXPECT_EQ(ready->request_id, 2U);
  EXPECT_TRUE(ready->schema_version.present());  // Java's client reads it unasked
}

TEST_F(PulsarProducingTest, AFencedProducerIsClosed) {
  const auto first = client();
  first->producer();
  first->publish(0, "before");
  const auto second = client();
  second->say(
      wire::CommandProducer{.topic = testing::kTopic,
                            .producer_id = 1,
                            .request_id = 2,
                            .producer_access_mode = wire::ProducerAccessMode::exclusive_with_fencing});
  second->hear<wire::CommandProducerSuccess>();
  EXPECT_EQ(first->hear<wire::CommandCloseProducer>()->producer_id, 1U);
  first->send(1, "was on its way");
  first->say(wire::CommandPing{});
  first->hear<wire::CommandPong>();
}

TEST_F(PulsarProducingTest, ASubscriptionMayBeMadeWithTheProducer) {
  const auto client = this->client();
  wire::CommandProducer producer{.topic = testing::kTopic, .producer_id = 1, .request_id = 1};
  producer.initial_subscription_name = "dead";
  client->say(producer);
  client->hear<wire::CommandProducerSuccess>();
  client->publish(0, "message");
  client->subscribe({.subscription = "dead", .initial_position = wire::InitialPosition::latest});
  client->flow(1);
  EXPECT_EQ(payload_of(client->hear<wire::CommandMessage>()), "message");
}

TEST_F(PulsarProducingTest, ATerminatedTopicSaysSo) {
  const auto client = this->client();
  client->producer();
  client->publish(0, "last");
  ASSERT_TRUE(base::await<std::optional<MessageId>>(
      [&](auto done) { broker_->terminate_topic(topic(), std::move(done)); }, 10s, "terminate"));
  client->hear<wire::CommandCloseProducer>();
  client->say(wire::CommandProducer{.topic = testing::kTopic, .producer_id = 2, .request_id = 2});
  EXPECT_EQ(client->hear<wire::CommandError>()->error, wire::ServerError::topic_terminated);
}

TEST_F(PulsarProducingTest, NonPersistentTopicsAreServed) {
  constexpr std::string_view kVolatile = "non-persistent://public/default/v";
  const auto client = this->client();
  client->subscribe({.topic = kVolatile, .initial_position = wire::InitialPosition::latest});
  client->flow(10);
  client->say(wire::CommandPing{});  // behind the permits
  client->hear<wire::CommandPong>();
  client->producer(1, kVolatile);
  client->send(0, "now");
  bool got = false;
  for (int i = 0; i < 2; ++i) {
    const std::string frame = client->frame();
    got |= wire::parse_frame(frame).value().type == wire::CommandType::message;
  }
  EXPECT_TRUE(got);
}

}  // namespace
}  // namespace geminga::doors::pulsar
