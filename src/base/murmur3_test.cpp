#include "base/murmur3.hpp"

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

TEST(Murmur3, GivesWhatPulsarsClientsGive) {
  EXPECT_EQ(murmur3_31("k1"), 2110152746U);
  EXPECT_EQ(murmur3_31("k2"), 1479966664U);
  EXPECT_EQ(murmur3_31("key1"), 462881061U);
  EXPECT_EQ(murmur3_31("key2"), 1936800180U);
  EXPECT_EQ(murmur3_31("key01"), 39696932U);
  EXPECT_EQ(murmur3_31("key02"), 751761803U);
}

TEST(Murmur3, GivesTheWellKnownValuesWithoutTheirSign) {
  EXPECT_EQ(murmur3_31(""), 0U);
  EXPECT_EQ(murmur3_31("test"), 0xba6bd213U & 0x7fffffffU);
  EXPECT_EQ(murmur3_31("Hello, world!"), 0xc0363e43U & 0x7fffffffU);
  EXPECT_EQ(murmur3_31("The quick brown fox jumps over the lazy dog"), 0x2e4ff723U);
}

}  // namespace
}  // namespace geminga::base
