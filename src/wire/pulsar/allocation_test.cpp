/// The message path allocates nothing: every `new` of this program is counted.
#include <array>
#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/entry.hpp"
#include "wire/pulsar/frame_buffer.hpp"

namespace {

thread_local std::uint64_t allocations = 0;

}  // namespace

// Not inlined: g++ 12 would take the malloc of one for the mate of the other's delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace geminga::wire::pulsar {
namespace {

template <class Work>
std::uint64_t allocations_of(const Work& work) {
  const std::uint64_t before = allocations;
  work();
  return allocations - before;
}

std::string send_frame() {
  const std::array properties{KeyValue{"colour", "green"}, KeyValue{"size", "large"}};
  BatchWriter batch;
  for (int i = 0; i < 10; ++i) batch.add({.properties = properties, .partition_key = "key"}, "a payload");
  std::string entry;
  append_entry_head(
      entry, {.producer_name = "p", .properties = properties, .num_messages_in_batch = batch.messages()},
      {batch.payload()});
  std::string frame;
  append_frame(frame, CommandSend{.producer_id = 1, .sequence_id = 2, .num_messages = 10},
               entry.size() + batch.payload().size());
  return frame.append(entry).append(batch.payload());
}

std::string ack_frame() {
  const std::array words{std::int64_t{-1}, std::int64_t{5}};
  const std::array ids{MessageIdData{.ledger_id = 1, .entry_id = 2, .ack_set = words},
                       MessageIdData{.ledger_id = 1, .entry_id = 3}};
  std::string frame;
  append_frame(frame, CommandAck{.consumer_id = 1, .message_id = ids, .request_id = 9U});
  return frame;
}

/// Reads a batch to its last property; how many there are.
std::size_t read_batch(const Entry& entry) {
  std::size_t properties = 0;
  const auto metadata = decode<MessageMetadata>(entry.metadata);
  BatchReader batch(entry.payload, *metadata->num_messages_in_batch);
  while (const auto message = *batch.next())
    for (const KeyValue& property : message->metadata.properties) properties += property.key.empty() ? 0 : 1;
  return properties;
}

TEST(PulsarAllocations, AreCounted) {
  EXPECT_GE(allocations_of([] { static_cast<void>(std::string(1'000, 'x').size()); }), 1U);
}

TEST(PulsarAllocations, ReadingSendAckFlowAndMessageTakesNone) {
  const std::string send = send_frame();
  const std::string ack = ack_frame();
  std::string flow;
  append_frame(flow, CommandFlow{.consumer_id = 1, .message_permits = 500});
  std::string message;
  append_frame(message, CommandMessage{.consumer_id = 1, .message_id = {.ledger_id = 1, .entry_id = 2}});
  std::size_t properties = 0;
  std::int64_t words = 0;
  EXPECT_EQ(allocations_of([&] {
              const auto sent = parse_frame(send);
              EXPECT_EQ(*decode<CommandSend>(sent->command)->num_messages, 10);
              properties = read_batch(*parse_entry(sent->entry));
              const auto acknowledged = decode<CommandAck>(parse_frame(ack)->command);
              for (const MessageIdData& id : acknowledged->message_id)
                for (const std::int64_t word : id.ack_set) words += word;
              EXPECT_EQ(decode<CommandFlow>(parse_frame(flow)->command)->message_permits, 500U);
              EXPECT_EQ(decode<CommandMessage>(parse_frame(message)->command)->message_id.entry_id, 2U);
            }),
            0U);
  EXPECT_EQ(properties, 20U);
  EXPECT_EQ(words, 4);
}

TEST(PulsarAllocations, WritingReceiptsMessagesAndResponsesIntoUsedMemoryTakesNone) {
  std::string out;
  out.reserve(1'000);
  EXPECT_EQ(allocations_of([&] {
              append_frame(out,
                           CommandSendReceipt{.sequence_id = 2, .message_id = MessageIdData{.ledger_id = 7}});
              append_frame(out, CommandAckResponse{.consumer_id = 1, .request_id = 9U});
              append_frame(out, CommandMessage{.consumer_id = 1, .redelivery_count = 1U}, 100);
              append_broker_entry(out, {.index = 1U});
            }),
            0U);
  EXPECT_GT(out.size(), 40U);
}

TEST(PulsarAllocations, ABusyFrameBufferTakesNone) {
  const std::string send = send_frame();
  FrameBuffer buffer;
  static_cast<void>(buffer.room());
  std::size_t frames = 0;
  EXPECT_EQ(allocations_of([&] {
              for (std::size_t at = 0; at < 200 * send.size();) {
                const auto room = buffer.room().first(1'000);
                for (char& each : room) each = send[at++ % send.size()];
                buffer.filled(room.size());
                ASSERT_TRUE(buffer
                                .take([&](std::string_view) {
                                  ++frames;
                                  return true;
                                })
                                .has_value());
              }
            }),
            0U);
  EXPECT_GE(frames, 200U);
}

TEST(PulsarAllocations, AFaultTakesNoneUntilItIsToldInWords) {
  EXPECT_EQ(
      allocations_of([] { EXPECT_FALSE(parse_frame(std::string_view("\0\0\0\0\0\0\0\0", 8)).has_value()); }),
      0U);
}

}  // namespace
}  // namespace geminga::wire::pulsar
