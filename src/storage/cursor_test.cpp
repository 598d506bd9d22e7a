#include "storage/cursor.hpp"

#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace geminga::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

EntryRange range(std::uint64_t first, std::uint64_t last) {
  return {EntryId{first}, EntryId{last}};
}

void ack(CursorState& cursor, std::vector<EntryRange> ranges, std::vector<BatchAck> batches = {}) {
  apply_acknowledge(
      {.topic = {}, .subscription = {}, .ranges = std::move(ranges), .batches = std::move(batches)}, cursor);
}

TEST(CursorTest, MovesOverWhatIsComplete) {
  CursorState cursor{.next = EntryId{10}, .acknowledged = {}, .batches = {}};
  ack(cursor, {range(12, 13)});
  EXPECT_EQ(cursor.next.value, 10U);
  ack(cursor, {range(10, 10)});
  EXPECT_EQ(cursor.next.value, 11U);
  ack(cursor, {range(0, 11)});
  EXPECT_EQ(cursor.next.value, 14U);
  EXPECT_THAT(cursor.acknowledged, IsEmpty());
}

TEST(CursorTest, MergesWhatTouches) {
  CursorState cursor;
  ack(cursor, {range(10, 11), range(20, 21), range(13, 13)});
  EXPECT_THAT(cursor.acknowledged, ElementsAre(range(10, 11), range(13, 13), range(20, 21)));
  ack(cursor, {range(12, 12)});
  EXPECT_THAT(cursor.acknowledged, ElementsAre(range(10, 13), range(20, 21)));
  ack(cursor, {range(5, 30)});
  EXPECT_THAT(cursor.acknowledged, ElementsAre(range(5, 30)));
}

TEST(CursorTest, BatchesGatherTheirBitsUntilTheEntryIsComplete) {
  CursorState cursor;
  ack(cursor, {}, {{.entry = EntryId{4}, .acknowledged = {1}}});
  ack(cursor, {},
      {{.entry = EntryId{4}, .acknowledged = {4, 1}}, {.entry = EntryId{2}, .acknowledged = {8}}});
  EXPECT_THAT(cursor.batches, ElementsAre(BatchAck{.entry = EntryId{2}, .acknowledged = {8}},
                                          BatchAck{.entry = EntryId{4}, .acknowledged = {5, 1}}));
  ack(cursor, {range(4, 4)});
  EXPECT_THAT(cursor.batches, ElementsAre(BatchAck{.entry = EntryId{2}, .acknowledged = {8}}));
  ack(cursor, {}, {{.entry = EntryId{4}, .acknowledged = {1}}});  // late: the entry is complete
  EXPECT_EQ(cursor.batches.size(), 1U);
}

TEST(CursorTest, AgreesWithASetWhateverTheOrder) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    CursorState cursor;
    std::set<std::uint64_t> model;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t first = random() % 100;
      const std::uint64_t last = first + random() % 5;
      for (std::uint64_t entry = first; entry <= last; ++entry) model.insert(entry);
      ack(cursor, {range(first, last)});
    }
    std::set<std::uint64_t> got;
    for (std::uint64_t entry = 0; entry < cursor.next.value; ++entry) got.insert(entry);
    EntryId behind{cursor.next.value + 1};
    for (const EntryRange& one : cursor.acknowledged) {
      ASSERT_GE(one.first, behind);  // sorted, disjoint, never touching
      behind = EntryId{one.last.value + 2};
      for (std::uint64_t entry = one.first.value; entry <= one.last.value; ++entry) got.insert(entry);
    }
    ASSERT_EQ(got, model);
  }
}

}  // namespace
}  // namespace geminga::storage
