#include "bus/message_queue.hpp"

#include <gtest/gtest.h>

namespace geminga::bus {
namespace {

using namespace std::chrono_literals;

constexpr base::MonotonicTime kNow{1h};

EngineMessage message(std::string text, std::string key = "", std::uint64_t bytes = 10) {
  EngineMessage message;
  message.message.body = std::move(text);
  message.message.key = std::move(key);
  message.bytes = bytes;
  return message;
}

void put(MessageQueue& queue, EngineMessage one) {
  std::vector<EngineMessage> messages;
  messages.push_back(std::move(one));
  queue.push(std::move(messages));
}

std::string take(MessageQueue& queue, base::MonotonicTime now = kNow) {
  const auto taken = queue.take(now);
  return taken ? taken->message.body : "nothing";
}

TEST(MessageQueue, PlainIsFirstInFirstOut) {
  MessageQueue queue(false, 0);
  put(queue, message("1", "a"));
  put(queue, message("2", "a"));
  EXPECT_EQ(take(queue), "1");
  EXPECT_EQ(take(queue), "2");
  EXPECT_EQ(take(queue), "nothing");
  EXPECT_TRUE(queue.empty());
}

TEST(MessageQueue, TakingFreesRoomOnce) {
  MessageQueue queue(false, 0);
  put(queue, message("1", "", 7));
  put(queue, message("2", "", 8));
  EXPECT_EQ(queue.take_freed().messages, 0U);
  take(queue);
  take(queue);
  const auto room = queue.take_freed();
  EXPECT_EQ(room.messages, 2U);
  EXPECT_EQ(room.bytes, 15U);
  EXPECT_EQ(queue.take_freed().messages, 0U);
}

TEST(MessageQueue, OrderlyRunsOneOfAKeyAtATime) {
  MessageQueue queue(true, 10);
  for (const char* text : {"a1", "a2", "b1"}) put(queue, message(text, std::string(1, text[0])));
  EXPECT_EQ(take(queue), "a1");
  EXPECT_EQ(take(queue), "b1");
  EXPECT_EQ(take(queue), "nothing");
  queue.finished("a");
  EXPECT_EQ(take(queue), "a2");
}

TEST(MessageQueue, AMessageToBeRetriedBlocksItsKeyOnly) {
  MessageQueue queue(true, 10);
  for (const char* text : {"a1", "a2", "b1", "b2"}) put(queue, message(text, std::string(1, text[0])));
  EXPECT_EQ(take(queue), "a1");
  queue.retry(message("a1", "a"), kNow + 1s);
  EXPECT_EQ(queue.next_retry(), kNow + 1s);
  EXPECT_EQ(take(queue), "b1");
  queue.finished("b");
  EXPECT_EQ(take(queue), "b2");
  EXPECT_EQ(take(queue, kNow + 999ms), "nothing");
  EXPECT_EQ(take(queue, kNow + 1s), "a1") << "before a2";
  EXPECT_FALSE(queue.next_retry());
  queue.finished("a");
  EXPECT_EQ(take(queue, kNow + 1s), "a2");
}

TEST(MessageQueue, WhatWaitsBehindABlockedKeyLeavesRoomForOthersUpToALimit) {
  MessageQueue queue(true, 2);
  put(queue, message("a1", "a"));
  take(queue);
  static_cast<void>(queue.take_freed());
  queue.retry(message("a1", "a"), kNow + 1s);
  for (const char* text : {"a2", "a3", "a4"}) put(queue, message(text, "a"));
  EXPECT_EQ(queue.take_freed().messages, 2U);
  // Each gives its room once: what was parked not again when it is taken.
  EXPECT_EQ(take(queue, kNow + 1s), "a1");
  for (const char* text : {"a2", "a3", "a4"}) {
    queue.finished("a");
    EXPECT_EQ(take(queue), text);
  }
  EXPECT_EQ(queue.take_freed().messages, 1U);
}

TEST(MessageQueue, DrainGivesAllThatWasNotTaken) {
  MessageQueue queue(true, 10);
  for (const char* text : {"a1", "a2", "b1"}) put(queue, message(text, std::string(1, text[0])));
  EXPECT_EQ(take(queue), "a1");
  EXPECT_EQ(queue.drain().size(), 2U);
  EXPECT_TRUE(queue.empty());
  queue.finished("a");  // a handler that was still at work
  EXPECT_EQ(take(queue), "nothing");
}

TEST(MessageQueue, ClearForgetsWhatWaitsGivesItsRoomAndLeavesARunningKeyRunning) {
  MessageQueue queue(true, 10);
  for (const char* text : {"a1", "a2", "b1", "c1", "c2"}) put(queue, message(text, std::string(1, text[0])));
  EXPECT_EQ(take(queue), "a1");
  EXPECT_EQ(take(queue), "b1");
  queue.retry(message("b1", "b"), kNow + 1s);
  static_cast<void>(queue.take_freed());
  queue.clear(0);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.take_freed().messages, 3U) << "a2, c1 and c2; b1 had given its room";
  EXPECT_FALSE(queue.next_retry());
  for (const char* text : {"a3", "b2"}) put(queue, message(text, std::string(1, text[0])));
  EXPECT_EQ(take(queue), "b2");
  EXPECT_EQ(take(queue), "nothing") << "a1 is still being handled";
  queue.finished("a");
  EXPECT_EQ(take(queue), "a3");
}

/// Of which each names its key.
class Packed final : public PackedMessages {
 public:
  [[nodiscard]] std::string_view key(std::string_view packed) const override { return packed.substr(0, 1); }
  void unpack(std::string_view packed, Message& into) const override {
    into.key = key(packed);
    into.body = packed;
  }
};

std::vector<EngineMessage> packed(const std::vector<std::string_view>& texts) {
  const auto owner = std::make_shared<Packed>();
  std::vector<EngineMessage> messages;
  for (const std::string_view text : texts) {
    EngineMessage& message = messages.emplace_back();
    message.bytes = 10;
    message.owner = owner;
    message.packed = text;
  }
  return messages;
}

std::string unpacked(std::optional<EngineMessage> taken) {
  if (!taken) return "nothing";
  taken->unpack();
  return taken->message.body;
}

TEST(MessageQueue, OrderlyKnowsTheKeyOfWhatIsPackedStill) {
  MessageQueue queue(true, 10);
  queue.push(packed({"a1", "a2", "b1"}));
  EXPECT_EQ(unpacked(queue.take(kNow)), "a1");
  EXPECT_EQ(unpacked(queue.take(kNow)), "b1");
  EXPECT_EQ(unpacked(queue.take(kNow)), "nothing");
  queue.finished("a");
  EXPECT_EQ(unpacked(queue.take(kNow)), "a2");
}

TEST(MessageQueue, PlainClearsWhatWasNotTakenOfOnePartition) {
  MessageQueue queue(false, 0);
  auto many = packed({"a", "b", "c", "d"});
  many[1].tag = many[3].tag = PartitionTag::make(1, 7);
  queue.push(std::move(many));
  auto more = packed({"e"});
  more[0].tag = PartitionTag::make(1, 8);
  queue.push(std::move(more));
  queue.push({});
  EXPECT_EQ(unpacked(queue.take(kNow)), "a");
  static_cast<void>(queue.take_freed());
  queue.clear(1);
  EXPECT_EQ(queue.take_freed().messages, 3U) << "b, d and e";
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(unpacked(queue.take(kNow)), "c");
  EXPECT_EQ(unpacked(queue.take(kNow)), "nothing");
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace geminga::bus
