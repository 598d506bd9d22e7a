#include "wire/pulsar/entry.hpp"

#include <string>

#include <gtest/gtest.h>

#include "wire/pulsar/codec.hpp"

namespace geminga::wire::pulsar {
namespace {

const MessageMetadata kMetadata{.producer_name = "p", .sequence_id = 1, .publish_time = 2};

std::string some_entry() {
  std::string entry;
  append_entry_head(entry, kMetadata, {"pay", "load"});
  return entry + "payload";
}

TEST(PulsarEntry, IsReadAsItWasWritten) {
  const std::string bytes = some_entry();
  const auto entry = parse_entry(bytes);
  ASSERT_TRUE(entry.has_value()) << entry.error().text();
  EXPECT_TRUE(entry->checksum.has_value());
  EXPECT_FALSE(entry->broker.has_value());
  EXPECT_EQ(entry->message, bytes);
  EXPECT_EQ(entry->payload, "payload");
  EXPECT_EQ(decode<MessageMetadata>(entry->metadata)->producer_name, "p");
}

TEST(PulsarEntry, OldClientsSendNoChecksum) {
  const std::string bytes = some_entry().substr(6);
  const auto entry = parse_entry(bytes);
  ASSERT_TRUE(entry.has_value());
  EXPECT_FALSE(entry->checksum.has_value());
  EXPECT_EQ(entry->payload, "payload");
}

TEST(PulsarEntry, WhatTheBrokerAddsStandsInFront) {
  std::string bytes;
  append_broker_entry(bytes, BrokerEntryMetadata{.broker_timestamp = 1'700'000'000'000U, .index = 41U});
  bytes += some_entry();
  const auto entry = parse_entry(bytes);
  ASSERT_TRUE(entry.has_value());
  ASSERT_TRUE(entry->broker.has_value());
  EXPECT_EQ(*entry->broker->index, 41U);
  EXPECT_EQ(entry->message, some_entry());
  EXPECT_EQ(entry->payload, "payload");
}

TEST(PulsarEntry, AChangedByteIsSeen) {
  const std::string whole = some_entry();
  for (std::size_t at = 2; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    const auto entry = parse_entry(bytes);
    ASSERT_FALSE(entry.has_value()) << at;
    const bool in_size = at >= 6 && at < 10;  // then the metadata does not fit either
    EXPECT_EQ(entry.error().fault, in_size ? Fault::truncated : Fault::bad_checksum) << at;
  }
  std::string bytes = whole;
  bytes.back() = '!';
  EXPECT_TRUE(parse_entry(bytes, Checksum::trust).has_value());
  EXPECT_EQ(parse_entry(bytes).error().error().code, ErrorCode::corrupted);
}

TEST(PulsarEntry, AnotherMagicIsNoEntry) {
  std::string bytes = some_entry();
  bytes[1] = 0x03;
  const auto entry = parse_entry(bytes);  // taken for the size of metadata without a checksum, as Pulsar does
  ASSERT_FALSE(entry.has_value());
  EXPECT_EQ(entry.error().fault, Fault::truncated);
}

TEST(PulsarEntry, IsTruncatedWhereverItEndsEarly) {
  std::string whole;
  append_broker_entry(whole, BrokerEntryMetadata{.index = 41U});
  whole += some_entry();
  const std::size_t metadata_ends = whole.size() - 7;
  for (std::size_t there = 0; there < whole.size(); ++there) {
    const auto entry = parse_entry(std::string_view(whole).substr(0, there));
    ASSERT_FALSE(entry.has_value()) << there;
    EXPECT_EQ(entry.error().fault, there < metadata_ends ? Fault::truncated : Fault::bad_checksum) << there;
  }
}

TEST(PulsarEntry, ATruncationSaysWhatIsMissing) {
  const auto entry = parse_entry(some_entry().substr(6, 8), Checksum::verify);
  ASSERT_FALSE(entry.has_value());
  EXPECT_EQ(entry.error().text(), "message metadata: 7 bytes are needed and the frame has 4");
}

}  // namespace
}  // namespace geminga::wire::pulsar
