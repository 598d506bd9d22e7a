// What Pulsar's clients published, read over the bus.
#include "engines/embedded/pulsar_entries.hpp"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/await.hpp"
#include "base/crc32c.hpp"
#include "base/uuid.hpp"
#include "engines/embedded/embedded.hpp"
#include "wire/pulsar/codec.hpp"
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

TEST_F(PulsarEntriesTest, WhatTheBusCannotReadIsRefusedWithTheReason) {
  storage::Entry entry;
  const auto refused = [&](const wire::MessageMetadata& metadata) {
    const storage::Append append = append_of(metadata, "payload");
    entry.body = append.body;
    const auto checked = engines::embedded::check_pulsar(entry);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_EQ(refused({}), "");
  wire::MessageMetadata metadata;
  metadata.num_messages_in_batch = 1;
  EXPECT_TRUE(refused(metadata).contains("in a batch"));
  metadata = {};
  metadata.compression = wire::CompressionType::lz4;
  EXPECT_TRUE(refused(metadata).contains("compressed"));
  metadata = {};
  metadata.num_chunks_from_msg = 2;
  EXPECT_TRUE(refused(metadata).contains("in chunks"));
  entry.body = "\x01 nothing of that";
  EXPECT_EQ(engines::embedded::check_pulsar(entry).error().code, ErrorCode::corrupted);
}

}  // namespace
}  // namespace geminga
