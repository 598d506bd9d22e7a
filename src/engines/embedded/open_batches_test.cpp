#include "engines/embedded/open_batches.hpp"

#include <gtest/gtest.h>

namespace geminga::engines::embedded {
namespace {

using namespace std::chrono_literals;
using Return = OpenBatches::Return;

TEST(OpenBatches, EveryMessageHasATagOfItsOwn) {
  OpenBatches batches;
  const std::uint64_t first = batches.open(EntryId{7}, 3, {});
  const std::uint64_t second = batches.open(EntryId{8}, 70, {});
  EXPECT_EQ(second, first + 3);
  EXPECT_TRUE(OpenBatches::has(first));
  EXPECT_FALSE(OpenBatches::has(7));
  EXPECT_EQ(batches.find(first + 2)->entry, EntryId{7});
  EXPECT_EQ(batches.find(first + 2)->index, 2U);
  EXPECT_EQ(batches.find(second + 69)->index, 69U);
  EXPECT_FALSE(batches.find(second + 70));
  EXPECT_FALSE(batches.find(first - 1));
}

TEST(OpenBatches, ABatchThatIsSettledIsForgotten) {
  OpenBatches batches;
  const std::uint64_t first = batches.open(EntryId{7}, 2, {});
  EXPECT_FALSE(batches.settled(first));
  EXPECT_FALSE(batches.settled(first)) << "once is enough";
  EXPECT_TRUE(batches.find(first + 1));
  EXPECT_FALSE(batches.settled(first + 1));
  EXPECT_FALSE(batches.find(first + 1));
}

TEST(OpenBatches, WhatIsHandedBackGoesWhenTheRestIsSettled) {
  OpenBatches batches;
  const std::uint64_t first = batches.open(EntryId{7}, 3, {});
  EXPECT_FALSE(batches.returned(first, 50ms, true));
  EXPECT_FALSE(batches.returned(first + 1, 20ms, false));
  EXPECT_EQ(batches.settled(first + 2), (Return{.entry = EntryId{7}, .delay = 50ms, .counts = true}));
  EXPECT_FALSE(batches.find(first));
}

TEST(OpenBatches, WhatWasAcknowledgedBeforeIsNotWaitedFor) {
  OpenBatches batches;
  const std::uint64_t first = batches.open(EntryId{7}, 3, {0b101});
  EXPECT_EQ(batches.returned(first + 1, 0ms, false), Return{.entry = EntryId{7}});
}

TEST(OpenBatches, AllUpToAMessageAreSettled) {
  OpenBatches batches;
  const std::uint64_t first = batches.open(EntryId{7}, 2, {});
  const std::uint64_t second = batches.open(EntryId{8}, 3, {});
  batches.settled_up_to({.entry = EntryId{8}, .index = 1});
  EXPECT_FALSE(batches.find(first));
  EXPECT_EQ(batches.returned(second + 2, 0ms, true), (Return{.entry = EntryId{8}, .counts = true}));
}

TEST(OpenBatches, WhatComesAgainHasNewTags) {
  OpenBatches batches;
  const std::uint64_t first = batches.open(EntryId{7}, 2, {});
  const std::uint64_t again = batches.open(EntryId{7}, 2, {});
  EXPECT_FALSE(batches.find(first));
  EXPECT_TRUE(batches.find(again));
  batches.clear();
  EXPECT_FALSE(batches.find(again));
}

}  // namespace
}  // namespace geminga::engines::embedded
