#include "wire/pulsar/frame_buffer.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::wire::pulsar {
namespace {

/// A frame of exactly that many bytes: a SEND whose entry is nothing but one letter.
std::string frame_of(std::size_t bytes, char letter) {
  std::string frame;
  append_frame(frame, CommandSend{}, 0);
  const std::size_t entry = bytes - frame.size();
  frame.clear();
  append_frame(frame, CommandSend{}, entry);
  return frame.append(entry, letter);
}

Parsed<> take_all(FrameBuffer& buffer, std::vector<std::string>& frames) {
  return buffer.take([&](std::string_view frame) {
    frames.emplace_back(frame);
    return true;
  });
}

/// As a socket does: as much as there is room for, again and again.
void put(FrameBuffer& buffer, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = buffer.room();
    ASSERT_FALSE(room.empty());
    const std::size_t count = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), count, room.begin());
    buffer.filled(count);
    bytes.remove_prefix(count);
  }
}

void give(FrameBuffer& buffer, std::string_view bytes, std::vector<std::string>& frames) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(buffer.room().size(), bytes.size());
    put(buffer, bytes.substr(0, count));
    const auto taken = take_all(buffer, frames);
    ASSERT_TRUE(taken.has_value()) << taken.error().text();
    bytes.remove_prefix(count);
  }
}

std::string size_alone(std::uint32_t size) {
  std::string bytes(4, '\0');
  write_big_endian(bytes.data(), size);
  return bytes;
}

TEST(PulsarFrameBuffer, GivesTheSameFramesHoweverTheyArrive) {
  std::vector<std::string> sent;
  char letter = 'a';
  for (const std::size_t bytes :
       {17UL, 1'000UL, 65'536UL, 65'537UL, 30UL, 300'000UL, 40'000UL, 40'000UL, 20UL})
    sent.push_back(frame_of(bytes, letter++));
  std::string all;
  for (const std::string& frame : sent) all += frame;
  for (const std::size_t piece : {1UL, 7UL, 1'400UL, 65'536UL, all.size()}) {
    FrameBuffer buffer;
    std::vector<std::string> frames;
    for (std::size_t at = 0; at < all.size(); at += piece)
      give(buffer, std::string_view(all).substr(at, piece), frames);
    EXPECT_TRUE(frames == sent) << piece;
    EXPECT_EQ(buffer.pending_bytes(), 0U);
  }
}

TEST(PulsarFrameBuffer, GrowsWithWhatHasArrivedNotWithWhatASizeClaims) {
  const std::string frame = frame_of(std::size_t{3} << 20, 'x');
  FrameBuffer buffer;
  std::vector<std::string> frames;
  put(buffer, std::string_view(frame).substr(0, 4));
  static_cast<void>(buffer.room());
  EXPECT_EQ(buffer.held_bytes(), FrameBuffer::kRoomBytes);
  for (std::size_t at = 4; at < frame.size(); at += 1'000) {
    give(buffer, std::string_view(frame).substr(at, 1'000), frames);
    ASSERT_LE(buffer.held_bytes(), std::max(FrameBuffer::kRoomBytes, 2 * (at + 1'000)));
  }
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(frames.front() == frame);
}

TEST(PulsarFrameBuffer, GivesItsMemoryBackAtRestAndKeepsWhatIsPending) {
  FrameBuffer buffer;
  EXPECT_EQ(buffer.held_bytes(), 0U);
  std::vector<std::string> frames;
  give(buffer, frame_of(200'000, 'x'), frames);
  EXPECT_GE(buffer.held_bytes(), 200'000U);
  buffer.release();
  EXPECT_EQ(buffer.held_bytes(), 0U);
  const std::string frame = frame_of(100, 'y');
  give(buffer, std::string_view(frame).substr(0, 50), frames);
  buffer.release();
  EXPECT_EQ(buffer.held_bytes(), 50U);
  give(buffer, std::string_view(frame).substr(50), frames);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames.back(), frame);
}

/// Frames that somebody keeps, and what they were when they came.
struct Kept {
  std::vector<std::shared_ptr<const void>> owners;
  std::vector<std::string_view> views;
  std::vector<std::string> copies;

  void give(FrameBuffer& buffer, std::string_view bytes, std::size_t piece) {
    while (!bytes.empty()) {
      const std::size_t count = std::min({buffer.room().size(), bytes.size(), piece});
      put(buffer, bytes.substr(0, count));
      ASSERT_TRUE(buffer
                      .take([&](std::string_view frame) {
                        owners.push_back(buffer.keep());
                        views.push_back(frame);
                        copies.emplace_back(frame);
                        return true;
                      })
                      .has_value());
      bytes.remove_prefix(count);
    }
  }
};

TEST(PulsarFrameBuffer, FramesThatAreKeptStayWhateverComes) {
  std::string all;
  std::vector<std::string> sent;
  for (int i = 0; i < 300; ++i)
    all += sent.emplace_back(frame_of(i % 50 == 49 ? 300'000 : 20 + 37 * i, static_cast<char>('a' + i % 26)));
  for (const std::size_t piece : {100UL, 1'400UL, 65'536UL, all.size()}) {
    FrameBuffer buffer;
    Kept kept;
    kept.give(buffer, all, piece);
    EXPECT_TRUE(kept.copies == sent) << piece;
    buffer.release();
    EXPECT_TRUE(std::ranges::equal(kept.views, sent)) << piece;
  }
}

TEST(PulsarFrameBuffer, WhatIsKeptIsLetGoWithItsLastOwnerAndTheBufferGoesOnElsewhere) {
  FrameBuffer buffer;
  Kept kept;
  for (int i = 0; i < 20; ++i) kept.give(buffer, frame_of(10'000, 'x'), 1'000);
  const std::weak_ptr<const void> first = kept.owners.front();
  EXPECT_NE(kept.owners.front(), kept.owners.back());
  EXPECT_FALSE(first.expired());
  kept.owners.clear();
  EXPECT_TRUE(first.expired());
}

TEST(PulsarFrameBuffer, ALargeFrameHasAtOnceWhatAnotherHadAndHardlyMore) {
  FrameBuffer buffer;
  Kept kept;
  kept.give(buffer, frame_of(300'000, 'x'), 65'536);
  const std::string frame = frame_of(300'000, 'y');
  kept.give(buffer, std::string_view(frame).substr(0, 70'000), 65'536);
  static_cast<void>(buffer.room());
  const std::size_t held = buffer.held_bytes();
  EXPECT_GE(held, frame.size());
  EXPECT_LE(held, frame.size() + 2 * FrameBuffer::kRoomBytes);
  kept.give(buffer, std::string_view(frame).substr(70'000), 65'536);
  EXPECT_EQ(buffer.held_bytes(), held);
  ASSERT_EQ(kept.views.size(), 2U);
  EXPECT_TRUE(kept.views.back() == frame);
}

TEST(PulsarFrameBuffer, AFrameOverTheLimitIsAFaultAtItsSizeAndStaysOne) {
  FrameBuffer buffer(1'000);
  std::vector<std::string> frames;
  put(buffer, frame_of(100, 'a') + size_alone(100'000'000));
  for (int i = 0; i < 3; ++i) {
    const auto taken = take_all(buffer, frames);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().text(),
              "a frame of 100000004 bytes is over the limit of 1000; send smaller messages, or in chunks");
  }
  EXPECT_EQ(frames.size(), 1U);  // what was whole before it
}

TEST(PulsarFrameBuffer, WhoGoesOnAfterAFaultGetsItAgainAndNoAssertion) {
  FrameBuffer buffer(1'000);
  std::vector<std::string> frames;
  put(buffer, size_alone(0xffffffffU));
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(take_all(buffer, frames).has_value());
    put(buffer, std::string(FrameBuffer::kRoomBytes, 'x'));
    buffer.release();
  }
}

TEST(PulsarFrameBuffer, WhoTakesNothingKeepsAll) {
  const std::string frame = frame_of(40'000, 'a');
  FrameBuffer buffer;
  for (int i = 0; i < 10; ++i) put(buffer, frame);
  EXPECT_EQ(buffer.pending_bytes(), 400'000U);
  buffer.filled(SIZE_MAX);  // beyond the room nothing has come
  EXPECT_EQ(buffer.pending_bytes(), buffer.held_bytes());
}

TEST(PulsarFrameBuffer, TakingStopsWhereItIsTold) {
  FrameBuffer buffer;
  std::string all;
  for (const char letter : {'a', 'b', 'c'}) all += frame_of(20, letter);
  put(buffer, all);
  std::vector<char> letters;
  const auto one = [&](std::string_view frame) {
    letters.push_back(frame.back());
    return false;
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(buffer.take(one).has_value());
  EXPECT_EQ(letters, (std::vector{'a', 'b', 'c'}));
}

TEST(PulsarFrameBuffer, TheLimitMayRise) {
  FrameBuffer buffer(100);
  std::vector<std::string> frames;
  put(buffer, frame_of(200, 'a'));
  EXPECT_FALSE(take_all(buffer, frames).has_value());
  buffer.set_frame_bytes_max(200);
  EXPECT_TRUE(take_all(buffer, frames).has_value());
  EXPECT_EQ(frames.size(), 1U);
}

}  // namespace
}  // namespace geminga::wire::pulsar
