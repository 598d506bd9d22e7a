#include "broker/compaction/latest_keys.hpp"

#include <string>

#include <gtest/gtest.h>

namespace geminga::broker {
namespace {

TEST(LatestKeys, KnowsTheLastEntryOfEachKeyWhateverItsLength) {
  LatestKeys latest(1 << 20);
  const std::string long_key(60'000, 'k');
  EXPECT_TRUE(latest.note("a", EntryId{0}));
  EXPECT_TRUE(latest.note(long_key, EntryId{1}));
  EXPECT_TRUE(latest.note("a", EntryId{2}));
  EXPECT_FALSE(latest.is_latest("a", EntryId{0}));
  EXPECT_TRUE(latest.is_latest("a", EntryId{2}));
  EXPECT_TRUE(latest.is_latest(long_key, EntryId{1}));
  EXPECT_FALSE(latest.is_latest("b", EntryId{0}));
  EXPECT_EQ(latest.keys(), 2U);
}

TEST(LatestKeys, TakesNoNewKeyWithoutRoom) {
  LatestKeys latest(128);
  ASSERT_EQ(latest.keys_max(), 2U);
  EXPECT_TRUE(latest.note("a", EntryId{0}));
  EXPECT_TRUE(latest.note("b", EntryId{1}));
  EXPECT_FALSE(latest.note("c", EntryId{2}));
  EXPECT_TRUE(latest.note("a", EntryId{3})) << "known ones go on";
}

}  // namespace
}  // namespace geminga::broker
