// What Pulsar's clients published, read over the bus.
#include "engines/embedded/pulsar_entries.hpp"

#include <filesystem>
#include <future>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/await.hpp"
#include "base/crc32c.hpp"
#include "base/uuid.hpp"
#include "engines/embedded/embedded.hpp"
#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/compression.hpp"
#include "wire/pulsar/entry.hpp"

namespace geminga {
namespace {

namespace wire = ::geminga::wire::pulsar;
using namespace std::chrono_literals;

storage::Append append_of(const wire::MessageMetadata& metadata, std::string_view payload) {
  std::string entry;
  wire::append_entry_head(entry, metadata, {payload});
  storage::Append append;
  append.format = storage::PayloadFormat::pulsar;
  append.sequence = metadata.sequence_id;
  append.message_count = static_cast<std::uint32_t>(*metadata.num_messages_in_batch);
  if (metadata.num_messages_in_batch.present()) append.flags |= storage::EntryFlags::kBatch;
  append.body = entry.substr(6).append(payload);
  append.body_crc = base::crc32c(std::string_view(append.body));
  return append;
}

class PulsarEntriesTest : public ::testing::Test {
 protected:
  PulsarEntriesTest() {
    auto opened = engines::embedded::open({.directory = directory_}).value();
    bus_.emplace(std::move(opened.bus));
    broker_ = std::move(opened.broker);
  }
  ~PulsarEntriesTest() override {
    EXPECT_TRUE(bus_->close());
    broker_.reset();
    bus_.reset();
    std::filesystem::remove_all(directory_);
  }
  void publish(const wire::MessageMetadata& metadata, std::string_view payload) {
    const auto topic = base::await<broker::TopicPtr>(
        [&](auto done) { broker_->open_topic("persistent://public/default/t", true, std::move(done)); }, 10s,
        "open");
    std::vector<broker::Publication> one;
    one.push_back({.topic = topic.value(), .append = append_of(metadata, payload)});
    ASSERT_TRUE(base::await<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(one), std::move(done)); }, 10s, "publish"));
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("geminga-embedded-" + base::random_uuid());
  std::optional<Bus> bus_;
  std::shared_ptr<broker::Broker> broker_;
};

TEST_F(PulsarEntriesTest, AMessageHasAllThatItsClientGaveIt) {
  const std::vector properties{wire::KeyValue{"a", "1"}, wire::KeyValue{"b", "2"}};
  wire::MessageMetadata metadata{
      .producer_name = "shop", .sequence_id = 7, .publish_time = 8, .properties = properties};
  metadata.partition_key = "key";
  metadata.event_time = 5U;
  publish(metadata, "body");
  metadata.partition_key = "//4=";
  metadata.partition_key_b64_encoded = true;
  publish(metadata, "");
  auto consumer =
      bus_->subscribe({.topic = "t", .subscription = "s", .initial_position = InitialPosition::earliest})
          .value();
  const Message first = consumer.receive(10s).value().message();
  EXPECT_EQ(first.body, "body");
  EXPECT_EQ(first.key, "key");
  EXPECT_EQ(first.properties, (Properties{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(first.event_time, Timestamp{5ms});
  EXPECT_EQ(first.producer_name, "shop");
  EXPECT_EQ(first.sequence_id, 7U);
  EXPECT_EQ(consumer.receive(10s).value().message().key, "\xff\xfe");
  const auto seen = bus_->admin().browse("t", std::nullopt, 10).value();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].body, "body");
}

/// "0", "1", ... in one entry.
std::string batch_of(int messages, wire::MessageMetadata& metadata) {
  wire::BatchWriter batch;
  for (int i = 0; i < messages; ++i)
    batch.add({.sequence_id = static_cast<std::uint64_t>(i)}, std::to_string(i));
  metadata.num_messages_in_batch = messages;
  return std::string(batch.payload());
}

TEST_F(PulsarEntriesTest, ABatchIsItsMessagesEachSettledByItself) {
  wire::MessageMetadata metadata{.producer_name = "shop"};
  const std::string batch = batch_of(4, metadata);
  publish(metadata, batch);
  publish({}, "single");
  const ConsumerOptions shared{.topic = "t",
                               .subscription = "s",
                               .type = SubscriptionType::shared,
                               .initial_position = InitialPosition::earliest};
  {
    auto consumer = bus_->subscribe(shared).value();
    std::vector<Delivery> got;
    for (int i = 0; i < 5; ++i) got.push_back(consumer.receive(10s).value());
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(got[static_cast<std::size_t>(i)]->body, std::to_string(i));
      EXPECT_EQ(got[static_cast<std::size_t>(i)]->id.batch_index, i);
      EXPECT_EQ(got[static_cast<std::size_t>(i)]->sequence_id, static_cast<std::uint64_t>(i));
      EXPECT_EQ(got[static_cast<std::size_t>(i)]->producer_name, "shop");
    }
    EXPECT_EQ(got[4]->id.batch_index, -1);
    ASSERT_TRUE(got[1].ack());
    ASSERT_TRUE(bus_->forward(got[2], {{.topic = "next", .message = {.body = "2 done"}}}));
    ASSERT_TRUE(got[4].ack());
    got[0].nack(std::chrono::milliseconds{0});
    ASSERT_TRUE(got[3].ack());  // and so the entry goes back
    auto again = consumer.receive(10s).value();
    EXPECT_EQ(again->body, "0");
    EXPECT_EQ(again->redelivery_count, 1U);
    EXPECT_FALSE(consumer.receive(100ms)) << "the others are settled";
  }
  auto consumer = bus_->subscribe(shared).value();
  EXPECT_EQ(consumer.receive(10s).value()->body, "0");
  EXPECT_EQ(bus_->admin().stats("next").value().stored_messages, 1U);
}

TEST_F(PulsarEntriesTest, ACumulativeAcknowledgementEndsWithinABatch) {
  wire::MessageMetadata metadata;
  const std::string batch = batch_of(3, metadata);
  publish({}, "first");
  publish(metadata, batch);
  const ConsumerOptions options{
      .topic = "t", .subscription = "s", .initial_position = InitialPosition::earliest};
  {
    auto consumer = bus_->subscribe(options).value();
    for (int i = 0; i < 2; ++i) static_cast<void>(consumer.receive(10s).value());
    ASSERT_TRUE(consumer.receive(10s).value().ack_cumulative());
  }
  auto consumer = bus_->subscribe(options).value();
  EXPECT_EQ(consumer.receive(10s).value()->body, "2");
}

TEST_F(PulsarEntriesTest, BatchesAreBrowsedAndReadMessageByMessage) {
  wire::MessageMetadata metadata;
  const std::string batch = batch_of(3, metadata);
  publish(metadata, batch);
  publish({}, "last");
  std::optional<MessageId> after;
  std::string seen;
  for (auto page = bus_->admin().browse("t", after, 2).value(); !page.empty();
       page = bus_->admin().browse("t", after, 2).value()) {
    for (const Message& message : page) seen += message.body + " ";
    after = page.back().id;
  }
  EXPECT_EQ(seen, "0 1 2 last ");
  auto reader = bus_->create_reader({.topic = "t", .start = InitialPosition::earliest}).value();
  std::string read;
  while (reader.has_next().value()) read += reader.read(10s).value().body + " ";
  EXPECT_EQ(read, seen);
}

TEST_F(PulsarEntriesTest, WhatTheBusCannotReadIsRefusedWithTheReason) {
  storage::Entry entry;
  entry.header.format = storage::PayloadFormat::pulsar;
  const auto refused = [&](const wire::MessageMetadata& metadata) {
    const storage::Append append = append_of(metadata, "payload");
    entry.body = append.body;
    const auto readable = engines::embedded::make_readable(entry);
    return readable ? std::string() : readable.error().message;
  };
  EXPECT_EQ(refused({}), "");
  wire::MessageMetadata metadata;
  metadata.compression = wire::CompressionType::lz4;
  metadata.uncompressed_size = 1'000;
  EXPECT_TRUE(refused(metadata).contains("does not become"));
  metadata = {};
  metadata.num_chunks_from_msg = 2;
  EXPECT_TRUE(refused(metadata).contains("in chunks"));
  entry.header.flags = storage::EntryFlags::kBatch;
  EXPECT_TRUE(refused({}).contains("does not follow its format"));
  entry.body = "\x01 nothing of that";
  EXPECT_EQ(engines::embedded::make_readable(entry).error().code, ErrorCode::corrupted);
}

TEST_F(PulsarEntriesTest, WhatIsCompressedIsRead) {
  const std::string text(1'000, 'x');
  for (const auto type : {wire::CompressionType::lz4, wire::CompressionType::zlib,
                          wire::CompressionType::zstd, wire::CompressionType::snappy}) {
    wire::MessageMetadata metadata{.producer_name = "p"};
    metadata.partition_key = "key";
    metadata.compression = type;
    metadata.uncompressed_size = static_cast<std::uint32_t>(text.size());
    publish(metadata, wire::pack(type, text));
    wire::MessageMetadata of_batch;
    const std::string batch = batch_of(2, of_batch);
    of_batch.compression = type;
    of_batch.uncompressed_size = static_cast<std::uint32_t>(batch.size());
    publish(of_batch, wire::pack(type, batch));
  }
  auto consumer = bus_->subscribe({.topic = "t",
                                   .subscription = "s",
                                   .type = SubscriptionType::shared,
                                   .initial_position = InitialPosition::earliest})
                      .value();
  for (int i = 0; i < 4; ++i) {
    const auto single = consumer.receive(10s).value();
    EXPECT_EQ(single->body, text);
    EXPECT_EQ(single->key, "key");
    EXPECT_EQ(single->producer_name, "p");
    for (const std::string body : {"0", "1"}) EXPECT_EQ(consumer.receive(10s).value()->body, body);
  }
  auto reader = bus_->create_reader({.topic = "t", .start = InitialPosition::earliest}).value();
  EXPECT_EQ(reader.read(10s).value().body, text);
  EXPECT_EQ(bus_->admin().browse("t", std::nullopt, 1).value().front().body, text);
}

TEST_F(PulsarEntriesTest, WhatCannotBeReadGoesToTheDeadLettersAndOthersGoOn) {
  std::vector<wire::EncryptionKeys> keys{{.key = "k", .value = "v"}};
  wire::MessageMetadata encrypted;
  encrypted.partition_key = "key";
  encrypted.encryption_keys = keys;
  publish(encrypted, "secret");
  wire::MessageMetadata of_batch;
  const std::string batch = batch_of(3, of_batch);
  of_batch.encryption_keys = keys;
  publish(of_batch, batch);
  wire::MessageMetadata chunk;
  chunk.num_chunks_from_msg = 2;
  publish(chunk, "half");
  publish({}, "plain");
  auto letters = bus_->subscribe({.topic = "t-s-DLQ", .subscription = "letters"}).value();
  std::promise<std::string> handled;
  auto consumer =
      bus_->subscribe({.topic = "t",
                       .subscription = "s",
                       .type = SubscriptionType::shared,
                       .initial_position = InitialPosition::earliest,
                       .receiver_queue_size = 4,
                       .negative_ack_delay = std::chrono::milliseconds{1},
                       .dead_letter = DeadLetterPolicy{.max_redeliveries = 1, .topic = "t-s-DLQ"}},
                      [&](Delivery& delivery) {
                        handled.set_value(delivery->body);
                        return Result<>{};
                      })
          .value();
  EXPECT_EQ(handled.get_future().get(), "plain");
  std::multiset<std::string> bodies;
  for (int i = 0; i < 5; ++i) {
    auto letter = letters.receive(10s).value();
    EXPECT_TRUE(letter->properties.at("REASON").contains("which the bus does not read"));
    bodies.insert(letter->body);
    ASSERT_TRUE(letter.ack());
  }
  EXPECT_EQ(bodies, (std::multiset<std::string>{"", "", batch, "half", "secret"})) << "as they were stored";
}

}  // namespace
}  // namespace geminga
