#include "bus/partitions/queue_shares.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace geminga::bus {
namespace {

constexpr std::uint64_t kMessageBytes = 100;

/// The partitions and the queue around the shares: each sends as long as it has room.
class Model {
 public:
  explicit Model(std::uint32_t messages, std::uint64_t bytes = 1 << 30)
      : shares_({.messages = messages, .bytes = bytes}) {}

  void grow(std::uint32_t partitions) { take_in(shares_.grow(partitions)); }
  bool send(std::uint32_t partition) {
    auto& room = room_[partition];
    if (room.first <= 0 || room.second <= 0) return false;
    room.first -= 1;
    room.second -= kMessageBytes;
    ++queued_;
    take_in(shares_.arrived(partition, 1, kMessageBytes));
    return true;
  }
  void take() {
    --queued_;
    take_in(shares_.taken(1, kMessageBytes));
  }
  /// As many as it can.
  int fill(std::uint32_t partition) {
    int sent = 0;
    while (send(partition)) ++sent;
    return sent;
  }
  [[nodiscard]] int queued() const { return queued_; }

 private:
  void take_in(const QueueShares::Grants& grants) {
    for (const auto& grant : grants) {
      room_[grant.partition].first += grant.messages;
      room_[grant.partition].second += static_cast<std::int64_t>(grant.bytes);
    }
  }
  QueueShares shares_;
  std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> room_;
  int queued_ = 0;
};

TEST(QueueShares, OneHotPartitionMayUseMostOfTheQueue) {
  Model model(1'000);
  model.grow(10);
  EXPECT_GE(model.fill(3), 500);
  EXPECT_LE(model.queued(), 1'000);
}

TEST(QueueShares, TheOthersHaveRoomBesideAHotOne) {
  Model model(1'000);
  model.grow(10);
  model.fill(3);
  for (std::uint32_t other : {0U, 1U, 9U}) EXPECT_GE(model.fill(other), 50 - 12) << other;
  EXPECT_LE(model.queued(), 1'000);
}

TEST(QueueShares, AllTogetherFillTheQueueAndNoMore) {
  Model model(1'000);
  model.grow(10);
  for (int round = 0; round < 100; ++round)
    for (std::uint32_t i = 0; i < 10; ++i) model.send(i);
  for (std::uint32_t i = 0; i < 10; ++i) model.fill(i);
  EXPECT_EQ(model.queued(), 1'000);
}

TEST(QueueShares, BytesAreDealtToo) {
  Model model(1'000'000, 100 * kMessageBytes);
  model.grow(4);
  for (std::uint32_t i = 0; i < 4; ++i) model.fill(i);
  EXPECT_GE(model.queued(), 90);
  EXPECT_LE(model.queued(), 104) << "one of each may go over";
}

TEST(QueueShares, NobodyStarvesWithFewPlacesOrAfterAGrowth) {
  std::mt19937 random(7);
  for (const std::uint32_t places : {1U, 3U, 100U}) {
    Model model(places);
    std::uint32_t partitions = 1;
    model.grow(partitions);
    for (int step = 0; step < 2'000; ++step) {
      if (step % 100 == 99) model.grow(partitions += random() % 4);
      model.fill(random() % partitions);
      while (model.queued() > 0 && random() % 8 != 0) model.take();
      if (step % 10 != 0) continue;
      while (model.queued() > 0) model.take();
      for (std::uint32_t i = 0; i < partitions; ++i)
        ASSERT_TRUE(model.send(i)) << "partition " << i << " of " << partitions << " at step " << step;
    }
  }
}

}  // namespace
}  // namespace geminga::bus
