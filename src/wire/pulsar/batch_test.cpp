#include "wire/pulsar/batch.hpp"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/pulsar/codec.hpp"

namespace geminga::wire::pulsar {
namespace {

BatchWriter three() {
  BatchWriter batch;
  const std::array properties{KeyValue{"a", "1"}};
  batch.add({.partition_key = "k", .sequence_id = 7U}, "first");
  batch.add({.properties = properties, .null_value = true}, "");
  batch.add({}, "third");
  return batch;
}

/// The fault at which a batch ends; nothing when it ends well.
std::optional<WireError> fault_of(std::string_view payload, std::int32_t messages) {
  BatchReader reader(payload, messages);
  while (true) {
    const auto next = reader.next();
    if (!next) return next.error();
    if (!*next) return std::nullopt;
  }
}

TEST(PulsarBatch, MessagesComeAsTheyWerePutIn) {
  const BatchWriter batch = three();
  EXPECT_EQ(batch.messages(), 3);
  BatchReader reader(batch.payload(), 3);
  const auto first = reader.next();
  ASSERT_TRUE(first.has_value() && first->has_value());
  EXPECT_EQ((*first)->payload, "first");
  EXPECT_EQ(*(*first)->metadata.partition_key, "k");
  EXPECT_EQ(*(*first)->metadata.sequence_id, 7U);
  const auto second = reader.next();
  ASSERT_TRUE(second.has_value() && second->has_value());
  EXPECT_TRUE(*(*second)->metadata.null_value);
  EXPECT_EQ((*second)->metadata.properties.begin()->value, "1");
  const auto third = reader.next();
  ASSERT_TRUE(third.has_value() && third->has_value());
  EXPECT_EQ((*third)->payload, "third");
  EXPECT_FALSE(reader.next()->has_value());
}

TEST(PulsarBatch, ACountThatLiesIsSeen) {
  const BatchWriter batch = three();
  EXPECT_FALSE(fault_of(batch.payload(), 3));
  EXPECT_EQ(fault_of(batch.payload(), 2)->text(), "message 2 of a batch of 2: bytes are left behind it");
  EXPECT_EQ(fault_of(batch.payload(), 4)->text(), "message 3 of a batch of 4: the payload ends before it");
  EXPECT_EQ(fault_of(batch.payload(), 0)->fault, Fault::bad_batch);
  EXPECT_EQ(fault_of(batch.payload(), -1)->fault, Fault::bad_batch);
  EXPECT_FALSE(fault_of("", 0));
}

TEST(PulsarBatch, APayloadThatEndsEarlyIsSeen) {
  const BatchWriter batch = three();
  for (std::size_t there = 0; there < batch.payload().size(); ++there)
    EXPECT_EQ(fault_of(batch.payload().substr(0, there), 3)->fault, Fault::bad_batch) << there;
}

TEST(PulsarBatch, ANegativeSizeIsSeen) {
  SingleMessageMetadata metadata{};
  metadata.payload_size = -1;
  std::string payload(4, '\0');
  append(payload, metadata);
  write_big_endian(payload.data(), static_cast<std::uint32_t>(payload.size() - 4));
  EXPECT_EQ(fault_of(payload, 1)->text(), "message 0 of a batch of 1: it has a negative size");
}

TEST(PulsarBatch, AWriterBeginsAnew) {
  BatchWriter batch = three();
  batch.clear();
  EXPECT_EQ(batch.messages(), 0);
  batch.add({}, "x");
  EXPECT_FALSE(fault_of(batch.payload(), 1));
}

}  // namespace
}  // namespace geminga::wire::pulsar
