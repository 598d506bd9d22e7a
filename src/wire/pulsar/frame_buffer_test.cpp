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

void give(FrameBuffer& buffer, std::string_view bytes, std::vector<std::string>& frames) {
  while (!bytes.empty()) {
    const auto room = buffer.room();
    const std::size_t count = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), count, room.begin());
    buffer.filled(count);
    bytes.remove_prefix(count);
    while (true) {
      const auto frame = buffer.next();
      ASSERT_TRUE(frame.has_value()) << frame.error().text();
      if (!*frame) break;
      frames.emplace_back(**frame);
    }
  }
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

TEST(PulsarFrameBuffer, HasRoomForTheRestOfALargeFrameAndNotMuchMore) {
  const std::string frame = frame_of(std::size_t{3} << 20, 'x');
  FrameBuffer buffer;
  std::vector<std::string> frames;
  give(buffer, std::string_view(frame).substr(0, 10), frames);
  const std::size_t room = buffer.room().size();
  EXPECT_GE(room, frame.size() - 10);
  EXPECT_LT(room, frame.size() + FrameBuffer::kRoomBytes);
  EXPECT_EQ(buffer.pending_bytes(), 10U);
}

TEST(PulsarFrameBuffer, GivesItsMemoryBackAtRestAndKeepsWhatIsPending) {
  FrameBuffer buffer;
  std::vector<std::string> frames;
  give(buffer, frame_of(200'000, 'x'), frames);
  EXPECT_GE(buffer.room().size(), 200'000U);
  buffer.release_if_empty();
  EXPECT_EQ(buffer.room().size(), FrameBuffer::kRoomBytes);
  const std::string frame = frame_of(100, 'y');
  give(buffer, std::string_view(frame).substr(0, 50), frames);
  buffer.release_if_empty();
  give(buffer, std::string_view(frame).substr(50), frames);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames.back(), frame);
}

TEST(PulsarFrameBuffer, AFrameOverTheLimitIsAFaultAtItsSize) {
  FrameBuffer buffer(1'000);
  const auto room = buffer.room();
  write_big_endian(room.data(), std::uint32_t{100'000'000});
  buffer.filled(4);
  const auto frame = buffer.next();
  ASSERT_FALSE(frame.has_value());
  EXPECT_EQ(frame.error().text(),
            "a frame of 100000004 bytes is over the limit of 1000; send smaller messages, or in chunks");
  EXPECT_FALSE(buffer.next().has_value());  // and stays one
}

}  // namespace
}  // namespace geminga::wire::pulsar
