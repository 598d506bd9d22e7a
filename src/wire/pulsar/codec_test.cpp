#include "wire/pulsar/codec.hpp"

#include <array>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::wire::pulsar {
namespace {

using namespace std::string_literals;

template <class Message>
std::string bytes_of(const Message& message) {
  std::string bytes;
  append(bytes, message);
  return bytes;
}

template <class Message>
Fault fault_of(std::string_view bytes) {
  const auto message = decode<Message>(bytes);
  EXPECT_FALSE(message.has_value());
  return message ? Fault{} : message.error().fault;
}

TEST(PulsarCodec, AnAbsentFieldHasItsDefault) {
  const auto subscribe = decode<CommandSubscribe>(
      bytes_of(CommandSubscribe{.topic = "t", .subscription = "s", .consumer_id = 1, .request_id = 2}));
  ASSERT_TRUE(subscribe.has_value());
  EXPECT_FALSE(subscribe->durable.present());
  EXPECT_TRUE(*subscribe->durable);
  EXPECT_FALSE(subscribe->start_message_id.present());
  EXPECT_EQ(*subscribe->start_message_id->partition, -1);
}

TEST(PulsarCodec, AFieldThatIsSetToItsDefaultIsPresent) {
  CommandSubscribe subscribe{.topic = "t", .subscription = "s"};
  const std::string without = bytes_of(subscribe);
  subscribe.durable = true;
  const std::string with = bytes_of(subscribe);
  EXPECT_EQ(with.size(), without.size() + 2);
  const auto again = decode<CommandSubscribe>(with);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->durable.present());
}

TEST(PulsarCodec, TextIsAViewIntoTheBytes) {
  const std::string bytes =
      bytes_of(CommandLookupTopic{.topic = "persistent://public/default/t", .request_id = 7});
  const auto lookup = decode<CommandLookupTopic>(bytes);
  ASSERT_TRUE(lookup.has_value());
  EXPECT_EQ(lookup->topic, "persistent://public/default/t");
  EXPECT_EQ(static_cast<const void*>(lookup->topic.data()), bytes.data() + 2);
}

TEST(PulsarCodec, RepeatedValuesComeInTheirOrderAmongOtherFields) {
  // properties, partition_key, properties: nothing says that they must stand together.
  const std::string bytes =
      "\x0a\x06\x0a\x01"
      "a\x12\x01"
      "1\x12\x01k\x0a\x06\x0a\x01"
      "b\x12\x01"
      "2\x18\x05"s;
  const auto metadata = decode<SingleMessageMetadata>(bytes);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_EQ(*metadata->partition_key, "k");
  std::string seen;
  for (const KeyValue& property : metadata->properties)
    seen += std::string(property.key) + std::string(property.value);
  EXPECT_EQ(seen, "a1b2");
  EXPECT_EQ(metadata->properties.size(), 2U);
}

TEST(PulsarCodec, RepeatedNumbersAreReadPackedAndNot) {
  std::string id = bytes_of(MessageIdData{.ledger_id = 1, .entry_id = 2});
  id += "\x28\x05\x2a\x03\x06\xac\x02\x2a\x00\x28\x07"s;  // 5, [6, 300], [], 7
  const auto message = decode<MessageIdData>(id);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(std::vector<std::int64_t>([&] {
              std::vector<std::int64_t> words;
              for (const std::int64_t word : message->ack_set) words.push_back(word);
              return words;
            }()),
            (std::vector<std::int64_t>{5, 6, 300, 7}));
  EXPECT_EQ(message->ack_set.size(), 4U);
}

TEST(PulsarCodec, ValuesOfTheMakerAreWrittenAndReadAgain) {
  const std::array ack_set{std::int64_t{-1}, std::int64_t{0x7f}};
  const std::array first{MessageIdData{.ledger_id = 3, .entry_id = 4}};
  const std::vector<MessageIdData> ids{{.ledger_id = 1, .entry_id = 2, .ack_set = ack_set},
                                       {.ledger_id = 5, .entry_id = 6, .first_chunk_message_id = first}};
  const std::string bytes = bytes_of(CommandAck{.consumer_id = 9, .message_id = ids, .request_id = 10U});
  const auto ack = decode<CommandAck>(bytes);
  ASSERT_TRUE(ack.has_value());
  ASSERT_EQ(ack->message_id.size(), 2U);
  auto id = ack->message_id.begin();
  EXPECT_EQ(id->entry_id, 2U);
  EXPECT_EQ(*id->ack_set.begin(), -1);
  ++id;
  EXPECT_EQ(id->first_chunk_message_id.begin()->ledger_id, 3U);
  EXPECT_EQ(bytes_of(*ack), bytes);
}

TEST(PulsarCodec, UnknownFieldsArePassedOver) {
  const std::string flow = bytes_of(CommandFlow{.consumer_id = 1, .message_permits = 1'000});
  const std::string more =
      "\xa0\x06\x01\xa9\x06"
      "12345678\xaa\x06\x03xyz\xad\x06"
      "1234"s +
      flow;
  const auto read = decode<CommandFlow>(more);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->message_permits, 1'000U);
  // A known number with another type is unknown too, and then the field is missing.
  EXPECT_EQ(fault_of<CommandFlow>("\x08\x01\x12\x01x"s), Fault::missing_field);
}

TEST(PulsarCodec, AMissingFieldIsNamed) {
  const auto flow = decode<CommandFlow>("\x08\x01"s);
  ASSERT_FALSE(flow.has_value());
  EXPECT_EQ(flow.error().fault, Fault::missing_field);
  EXPECT_EQ(flow.error().text(), "CommandFlow: the required field 2 is missing");
  // Within another message too, and at its first use.
  const auto message = decode<CommandMessage>("\x08\x01\x12\x02\x08\x01"s);
  ASSERT_FALSE(message.has_value());
  EXPECT_EQ(message.error().text(), "MessageIdData: the required field 2 is missing");
}

TEST(PulsarCodec, AnUnknownValueOfAnEnumerationIsAbsent) {
  const auto metadata = decode<MessageMetadata>("\x0a\x01p\x10\x01\x18\x02\x40\x63"s);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_FALSE(metadata->compression.present());
  EXPECT_EQ(fault_of<CommandAck>("\x08\x01\x10\x02"s), Fault::missing_field);  // ack_type 2
}

TEST(PulsarCodec, DamagedFieldsAreRefused) {
  const std::string_view damaged[] = {
      std::string_view("\x08", 1),                                           // a number that does not come
      std::string_view("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),  // eleven bytes
      std::string_view("\x00\x01", 2),                                       // field 0
      std::string_view("\x0a\x05"
                       "abc"),                       // five bytes, and three are there
      std::string_view("\x0a\xff\xff\xff\xff\x0f"),  // 4 GiB
      std::string_view("\x0b\x0c"),                  // a group
      std::string_view("\x0e"),                      // a type that there is not
      std::string_view("\x09"
                       "1234567"),                   // seven of eight bytes
      std::string_view("\x80\x80\x80\x80\x80\x08"),  // the number of a field in six bytes
  };
  for (const std::string_view bytes : damaged) {
    EXPECT_EQ(fault_of<CommandFlow>(bytes), Fault::bad_protobuf) << testing::PrintToString(bytes);
    EXPECT_EQ(fault_of<CommandFlow>("\x08\x01\x10\x01"s + std::string(bytes)), Fault::bad_protobuf);
  }
  EXPECT_EQ(fault_of<MessageIdData>("\x08\x01\x10\x01\x2a\x02\x01\xff"s),
            Fault::bad_protobuf);  // packed, cut
}

TEST(PulsarCodec, NegativeNumbersOfBothLengths) {
  const auto id =
      decode<MessageIdData>("\x08\x01\x10\x01\x18\xff\xff\xff\xff\x0f"s);  // of 32 bits, as some write it
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(*id->partition, -1);
  const std::string bytes = bytes_of(MessageIdData{.partition = -1});
  EXPECT_EQ(bytes, "\x08\x00\x10\x00\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
}

/// An id within an id, and so on, each with its right size; `one` is the innermost.
std::string nested(const std::string& one, int levels) {
  // From the inside out, so backwards: what is prepended is appended the wrong way round.
  std::string reversed(one.rbegin(), one.rend());
  for (; levels > 0; --levels) {
    char head[1 + kVarintBytesMax] = {'\x3a'};
    const char* end = write_varint(head + 1, reversed.size());
    reversed.append(std::reverse_iterator(end), std::reverse_iterator<const char*>(head));
    reversed.append(one.rbegin(), one.rend());
  }
  return {reversed.rbegin(), reversed.rend()};
}

TEST(PulsarCodec, TheDepthIsLimited) {
  std::string id = bytes_of(MessageIdData{.ledger_id = 1, .entry_id = 2});
  const std::string one = id;
  int depth = 1;
  while (decode<MessageIdData>(id)) {
    std::string outer = one + "\x3a"s;
    char size[kVarintBytesMax];
    outer.append(size, write_varint(size, id.size()));
    id = outer + id;
    ASSERT_LE(++depth, kDepthMax + 1);
  }
  EXPECT_EQ(depth, kDepthMax + 1);
  EXPECT_EQ(fault_of<MessageIdData>(id), Fault::bad_protobuf);
  // A frame full of nothing but nesting, whole down to the last level, is refused without a deep stack.
  EXPECT_EQ(fault_of<MessageIdData>(nested(one, 500'000)), Fault::bad_protobuf);
  EXPECT_TRUE(decode<MessageIdData>(nested(one, kDepthMax - 1)).has_value());
}

TEST(PulsarCodec, EmptyMessagesAreEmpty) {
  EXPECT_TRUE(decode<CommandPing>("").has_value());
  EXPECT_EQ(bytes_of(CommandPong{}), "");
}

TEST(PulsarCodec, ARequestAboutTransactionsShowsItsId) {
  const auto request = decode<TransactionRequest>("\x08\x2a\x10\x05\x22\x01x"s);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->request_id, 42U);
}

}  // namespace
}  // namespace geminga::wire::pulsar
