#include "base/numbered_sends.hpp"

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

const Error kBusy{ErrorCode::overloaded, "busy"};

TEST(NumberedSendsTest, NothingPassesWhatWasRefusedBeforeIt) {
  NumberedSends sends;
  EXPECT_TRUE(sends.admit({1, 5}));
  sends.refused({1, 5}, kBusy);
  const auto behind = sends.admit({6, 10});
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().code, ErrorCode::overloaded);
  sends.refused({6, 10}, behind.error());
  ASSERT_TRUE(sends.admit({1, 5}));
  sends.accepted({1, 5});
  EXPECT_FALSE(sends.admit({11, 11})) << "6 to 10 come first";
  sends.refused({11, 11}, kBusy);
  ASSERT_TRUE(sends.admit({6, 10}));
  sends.accepted({6, 10});
  ASSERT_TRUE(sends.admit({11, 11}));
  sends.accepted({11, 11});
  EXPECT_TRUE(sends.admit({12, 20}));
}

TEST(NumberedSendsTest, WhatIsSentAgainAndRefusedAgainMustComeFirstAgain) {
  NumberedSends sends;
  sends.refused({1, 10}, kBusy);
  sends.accepted({1, 3});
  sends.refused({4, 6}, kBusy);
  EXPECT_FALSE(sends.admit({7, 10})) << "it was refused once, but 4 is in front of it";
  ASSERT_TRUE(sends.admit({4, 10}));
  sends.accepted({4, 10});
  EXPECT_TRUE(sends.admit({11, 11}));
}

TEST(NumberedSendsTest, OneThatWasSentBeforeTheRefusedOneFillsNoGap) {
  NumberedSends sends;
  sends.refused({3, 3}, kBusy);
  sends.refused({5, 5}, kBusy);
  ASSERT_TRUE(sends.admit({2, 2}));
  sends.accepted({2, 2});
  EXPECT_FALSE(sends.admit({4, 4}));
  EXPECT_TRUE(sends.admit({3, 3}));
}

TEST(NumberedSendsTest, OneThatCanNeverBeStoredIsNotWaitedFor) {
  NumberedSends sends;
  sends.refused({1, 1}, Error{ErrorCode::too_large, "too large"});
  EXPECT_TRUE(sends.admit({2, 2}));
}

}  // namespace
}  // namespace geminga::base
