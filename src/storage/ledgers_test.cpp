#include "storage/ledgers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace geminga::storage {
namespace {

using ::testing::ElementsAre;
using Past = Ledgers::Past;

Ledgers example() {
  Ledgers ledgers;
  ledgers.begin(LedgerId{3}, EntryId{0});
  ledgers.begin(LedgerId{5}, EntryId{10});
  ledgers.begin(LedgerId{9}, EntryId{12});
  return ledgers;
}

TEST(LedgersTest, EachEntryHasTheLedgerItWasGiven) {
  const Ledgers ledgers = example();
  EXPECT_EQ(ledgers.of(EntryId{0}).value, 3U);
  EXPECT_EQ(ledgers.of(EntryId{9}).value, 3U);
  EXPECT_EQ(ledgers.of(EntryId{10}).value, 5U);
  EXPECT_EQ(ledgers.of(EntryId{12}).value, 9U);
  EXPECT_EQ(ledgers.of(EntryId{1'000}).value, 9U);
}

TEST(LedgersTest, ALedgerWithoutEntriesLeavesNothing) {
  Ledgers ledgers = example();
  ledgers.begin(LedgerId{11}, EntryId{12});
  EXPECT_EQ(ledgers.current.value, 11U);
  EXPECT_THAT(ledgers.past, ElementsAre(Past{LedgerId{3}, EntryId{10}}, Past{LedgerId{5}, EntryId{12}}));
  ledgers.begin(LedgerId{11}, EntryId{40});
  EXPECT_EQ(ledgers.past.size(), 2U) << "it goes on";
  Ledgers first;
  first.begin(LedgerId{1}, EntryId{0});
  EXPECT_TRUE(first.past.empty());
}

TEST(LedgersTest, WhatIsTrimmedIsForgotten) {
  Ledgers ledgers = example();
  ledgers.forget_before(EntryId{10});
  EXPECT_EQ(ledgers.of(EntryId{9}).value, 3U) << "the last message of a topic has an id though it is gone";
  ledgers.forget_before(EntryId{11});
  EXPECT_THAT(ledgers.past, ElementsAre(Past{LedgerId{0}, EntryId{10}}, Past{LedgerId{5}, EntryId{12}}));
  EXPECT_EQ(ledgers.of(EntryId{3}).value, 0U);
  EXPECT_EQ(ledgers.of(EntryId{11}).value, 5U);
  EXPECT_EQ(ledgers.span(LedgerId{3}, EntryId{20}).end.value, 10U);
  ledgers.forget_before(EntryId{15});
  EXPECT_THAT(ledgers.past, ElementsAre(Past{LedgerId{0}, EntryId{12}}));
  EXPECT_EQ(ledgers.of(EntryId{12}).value, 9U);
}

TEST(LedgersTest, KnowsWhereTheEntriesOfALedgerStand) {
  const Ledgers ledgers = example();
  const auto span = [&](std::uint64_t ledger) {
    const auto found = ledgers.span(LedgerId{ledger}, EntryId{20});
    return std::pair(found.first.value, found.end.value);
  };
  EXPECT_EQ(span(1), std::pair(0UL, 0UL)) << "of a topic before";
  EXPECT_EQ(span(3), std::pair(0UL, 10UL));
  EXPECT_EQ(span(4), std::pair(10UL, 10UL)) << "of another topic";
  EXPECT_EQ(span(5), std::pair(10UL, 12UL));
  EXPECT_EQ(span(7), std::pair(12UL, 12UL));
  EXPECT_EQ(span(9), std::pair(12UL, 20UL));
  EXPECT_EQ(span(10), std::pair(20UL, 20UL));
}

}  // namespace
}  // namespace geminga::storage
