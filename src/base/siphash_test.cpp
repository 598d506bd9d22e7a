#include "base/siphash.hpp"

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

constexpr Hash128 kKey{.low = 0x0706050403020100, .high = 0x0f0e0d0c0b0a0908};

// As `openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 SIPHASH` has it, each half
// read as a little-endian number; the first is that of the authors' reference too.
TEST(Siphash, GivesTheKnownValues) {
  EXPECT_EQ(siphash_128("", kKey), (Hash128{.low = 0xe6a825ba047f81a3, .high = 0x930255c71472f66d}));
  EXPECT_EQ(siphash_128("a", kKey), (Hash128{.low = 0xd921ad02fbf2a40e, .high = 0x2664f28416c95f2d}));
  EXPECT_EQ(siphash_128("orders", kKey), (Hash128{.low = 0xc71eb0ef8b04fd87, .high = 0x4ccb8996e2b15dab}));
  EXPECT_EQ(siphash_128("0123456789abcdef", kKey),
            (Hash128{.low = 0x0bded7d2517d02b0, .high = 0x67ff744186b5e9a2}));
}

TEST(Siphash, AnotherKeyGivesAnotherValue) {
  EXPECT_NE(siphash_128("a", kKey), siphash_128("a", {.low = 1, .high = 2}));
}

}  // namespace
}  // namespace geminga::base
