#include "broker/raw_message.hpp"

#include <gtest/gtest.h>

namespace geminga::broker {
namespace {

storage::Entry as_entry(const storage::Append& append) {
  storage::Entry entry;
  entry.header.sequence = append.sequence;
  auto owner = std::make_shared<std::string>(append.body);
  entry.body = *owner;
  entry.owner = owner;
  return entry;
}

OutgoingMessage full_message() {
  return {.body = std::string("payload\0with zero", 17),
          .key = "key",
          .properties = {{"a", "1"}, {"b", std::string(300, 'x')}, {"", ""}},
          .event_time = Timestamp{std::chrono::milliseconds{-5}},
          .sequence_id = 77};
}

TEST(RawMessage, AllFieldsRoundTrip) {
  const OutgoingMessage sent = full_message();
  const Message got = decode_raw(as_entry(encode_raw(sent, "producer", Timestamp{}))).value();
  EXPECT_EQ(got.body, sent.body);
  EXPECT_EQ(got.key, sent.key);
  EXPECT_EQ(got.properties, sent.properties);
  EXPECT_EQ(got.event_time, sent.event_time);
  EXPECT_EQ(got.producer_name, "producer");
  EXPECT_EQ(got.sequence_id, 77U);
}

TEST(RawMessage, EmptyBodyIsAMessage) {
  const Message got = decode_raw(as_entry(encode_raw({}, "", Timestamp{}))).value();
  EXPECT_EQ(got.body, "");
  EXPECT_FALSE(got.event_time);
}

TEST(RawMessage, DeliverAfterCountsFromNow) {
  const Timestamp now{std::chrono::milliseconds{1'000}};
  const auto append = encode_raw({.deliver_after = std::chrono::milliseconds{50}}, "", now);
  EXPECT_EQ(append.deliver_at, now + std::chrono::milliseconds{50});
}

TEST(RawMessage, EveryCutIsRefusedOrShortensTheBodyOnly) {
  const storage::Append whole = encode_raw(full_message(), "producer", Timestamp{});
  const std::size_t head = whole.body.size() - full_message().body.size();
  for (std::size_t size = 0; size < head; ++size) {
    storage::Append cut = whole;
    cut.body.resize(size);
    EXPECT_FALSE(decode_raw(as_entry(cut))) << size;
  }
}

// Reference values of MurmurHash3_x86_32 with seed 0, sign bit cleared.
TEST(KeyHash, IsMurmur3) {
  EXPECT_EQ(key_hash(""), 0U);
  EXPECT_EQ(key_hash("test"), 0xba6bd213U & 0x7fffffffU);
  EXPECT_EQ(key_hash("Hello, world!"), 0xc0363e43U & 0x7fffffffU);
  EXPECT_EQ(key_hash("The quick brown fox jumps over the lazy dog"), 0x2e4ff723U);
}

}  // namespace
}  // namespace geminga::broker
