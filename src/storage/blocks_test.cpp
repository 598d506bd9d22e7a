#include "storage/blocks.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <gtest/gtest.h>

#include "base/file_system.hpp"

namespace geminga::storage {
namespace {

constexpr std::size_t kMiB = 1 << 20;

std::uintptr_t address(const std::byte* data) {
  return reinterpret_cast<std::uintptr_t>(data);
}

TEST(Slabs, PiecesStandBehindOneAnotherAndAreAlignedForDirectOutput) {
  Slabs slabs(8 * kMiB);
  const auto first = slabs.take(kMiB);
  const auto second = slabs.take(kMiB);
  EXPECT_EQ(second.bytes.data(), first.bytes.data() + kMiB);
  EXPECT_EQ(address(first.bytes.data()) % base::kDirectAlignment, 0U);
}

TEST(Slabs, APieceOutlivesTheSlabsAndItsNeighbours) {
  BlockPool::Block kept;
  {
    Slabs slabs(8 * kMiB);
    for (int i = 0; i < 20; ++i) {
      auto piece = slabs.take(kMiB);
      std::memset(piece.bytes.data(), i, piece.bytes.size());
      if (i == 9) kept = std::move(piece);
    }
  }
  EXPECT_TRUE(
      std::all_of(kept.bytes.begin(), kept.bytes.end(), [](std::byte one) { return one == std::byte{9}; }));
}

TEST(Slabs, APieceLargerThanASlabGetsOneOfItsSize) {
  Slabs slabs(8 * kMiB);
  const auto piece = slabs.take(9 * kMiB);
  ASSERT_EQ(piece.bytes.size(), 9 * kMiB);
  std::memset(piece.bytes.data(), 1, piece.bytes.size());
}

TEST(BlockPool, TheSameBlockComesBackWhenItWasLetGo) {
  BlockPool pool(4 * kMiB);
  auto block = pool.take(kMiB);
  const std::byte* data = block.bytes.data();
  EXPECT_NE(pool.take(kMiB).bytes.data(), data) << "it is still held";
  block = {};
  EXPECT_EQ(pool.take(kMiB).bytes.data(), data);
}

TEST(BlockPool, ABlockServesOnlyWhatIsNotMuchSmaller) {
  BlockPool pool(16 * kMiB);
  const std::byte* large = pool.take(8 * kMiB).bytes.data();
  EXPECT_NE(pool.take(kMiB).bytes.data(), large) << "a small reader would hold much more than it reads";
  EXPECT_EQ(pool.take(6 * kMiB).bytes.data(), large);
}

TEST(BlockPool, KeepsNoMoreThanItMay) {
  BlockPool pool(2 * kMiB);
  {
    const auto one = pool.take(kMiB);
    const auto two = pool.take(kMiB);
    const auto three = pool.take(kMiB);
  }
  EXPECT_EQ(pool.retained_bytes(), 2 * kMiB);
  static_cast<void>(pool.take(3 * kMiB));  // alone over the limit: not kept
  EXPECT_LE(pool.retained_bytes(), 2 * kMiB);
}

TEST(BlockPool, BlocksOutliveThePool) {
  BlockPool::Block block;
  {
    BlockPool pool(4 * kMiB);
    block = pool.take(kMiB);
  }
  std::memset(block.bytes.data(), 1, block.bytes.size());
}

}  // namespace
}  // namespace geminga::storage
