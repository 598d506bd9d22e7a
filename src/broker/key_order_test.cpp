#include "broker/key_order.hpp"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace geminga::broker {
namespace {

constexpr std::optional<EntryId> kNone = std::nullopt;

/// A hash that belongs to this consumer now.
std::uint32_t hash_of(const KeyOrder& keys, ConsumerNumber consumer, std::uint32_t from = 1) {
  std::uint32_t hash = from;
  while (keys.owner(hash) != consumer) ++hash;
  return hash;
}

TEST(KeyOwners, AJoinAndALeaveMoveOnlyTheKeysTheyMust) {
  KeyOwners owners;
  for (ConsumerNumber consumer = 1; consumer <= 4; ++consumer) owners.add(consumer, {});
  std::map<std::uint32_t, ConsumerNumber> before;
  std::map<ConsumerNumber, int> share;
  for (std::uint32_t slot = 0; slot < KeyOwners::kSlots; ++slot)
    share[before[slot] = owners.owner(slot)] += 1;
  for (const auto& [consumer, slots] : share) {
    EXPECT_GT(slots, 15'000) << consumer;
    EXPECT_LT(slots, 18'000) << consumer;
  }
  owners.add(5, {});
  for (std::uint32_t slot = 0; slot < KeyOwners::kSlots; ++slot) {
    const ConsumerNumber now = owners.owner(slot);
    ASSERT_TRUE(now == before[slot] || now == 5);
  }
  owners.remove(5);
  for (std::uint32_t slot = 0; slot < KeyOwners::kSlots; ++slot) ASSERT_EQ(owners.owner(slot), before[slot]);
}

TEST(KeyOwners, RangesAreExactAndTheRestBelongsToNobody) {
  KeyOwners owners;
  owners.add(1, {{.first = 0, .last = 9}, {.first = 100, .last = 100}});
  owners.add(2, {{.first = 10, .last = 20}});
  EXPECT_EQ(owners.owner(0), 1U);
  EXPECT_EQ(owners.owner(9), 1U);
  EXPECT_EQ(owners.owner(10), 2U);
  EXPECT_EQ(owners.owner(20), 2U);
  EXPECT_EQ(owners.owner(21), 0U);
  EXPECT_EQ(owners.owner(100), 1U);
  EXPECT_EQ(owners.owner(101), 0U);
  EXPECT_EQ(owners.owner(KeyOwners::kSlots + 10), 2U) << "hashes fall into slots";
  EXPECT_EQ(owners.holder_of_any({{.first = 21, .last = 99}}), 0U);
  EXPECT_EQ(owners.holder_of_any({{.first = 21, .last = 100}}), 1U);
  EXPECT_EQ(owners.holder_of_any({{.first = 15, .last = 16}}), 2U);
  owners.remove(1);
  EXPECT_EQ(owners.owner(100), 0U);
}

TEST(KeyOrder, OnlyTheEarliestOfAHashIsListedAndOnlyForItsOwner) {
  KeyOrder keys;
  keys.add_consumer(1);
  keys.add_consumer(2);
  const std::uint32_t ones = hash_of(keys, 1);
  const std::uint32_t twos = hash_of(keys, 2);
  keys.waits(ones, EntryId{7}, true);
  keys.waits(ones, EntryId{3}, true);
  keys.waits(twos, EntryId{5}, true);
  EXPECT_EQ(keys.first_for(1), EntryId{3});
  EXPECT_EQ(keys.first_for(2), EntryId{5});
  EXPECT_TRUE(keys.may_send_waiting(ones, EntryId{3}));
  EXPECT_FALSE(keys.may_send_waiting(ones, EntryId{7}));
  keys.waits_no_more(ones, EntryId{3});
  EXPECT_EQ(keys.first_for(1), EntryId{7});
}

TEST(KeyOrder, OneThatIsNotDueBlocksThoseBehindIt) {
  KeyOrder keys;
  keys.add_consumer(1);
  keys.waits(9, EntryId{1}, false);
  keys.waits(9, EntryId{2}, true);
  EXPECT_EQ(keys.first_for(1), kNone);
  EXPECT_FALSE(keys.may_send_new(9));
  keys.becomes_ready(9, EntryId{1});
  EXPECT_EQ(keys.first_for(1), EntryId{1});
}

TEST(KeyOrder, WhatIsOutElsewhereBlocksTheHashUntilItReturns) {
  KeyOrder keys;
  keys.add_consumer(1);
  const std::uint32_t hash = 11;
  keys.sent(hash, 1);
  keys.waits(hash, EntryId{4}, true);
  EXPECT_EQ(keys.first_for(1), EntryId{4}) << "to the same consumer it may go";
  ConsumerNumber newcomer = 2;
  while (keys.owner(hash) == 1) keys.add_consumer(newcomer++);
  EXPECT_EQ(keys.first_for(1), kNone);
  EXPECT_EQ(keys.first_for(keys.owner(hash)), kNone);
  keys.returned(hash);
  EXPECT_EQ(keys.first_for(keys.owner(hash)), EntryId{4});
  keys.waits_no_more(hash, EntryId{4});
  EXPECT_TRUE(keys.may_send_new(hash));
  EXPECT_EQ(keys.first_for(keys.owner(hash)), kNone);
}

TEST(KeyOrder, WhatWaitsForNobodyIsListedWhenSomebodyComes) {
  KeyOrder keys;
  keys.waits(5, EntryId{1}, true);
  keys.add_consumer(1, {{.first = 0, .last = 4}});
  EXPECT_EQ(keys.first_for(1), kNone);
  keys.add_consumer(2, {{.first = 5, .last = 5}});
  EXPECT_EQ(keys.first_for(2), EntryId{1});
  keys.remove_consumer(2);
  EXPECT_EQ(keys.first_for(2), kNone);
  EXPECT_EQ(keys.owner(5), 0U);
}

}  // namespace
}  // namespace geminga::broker
