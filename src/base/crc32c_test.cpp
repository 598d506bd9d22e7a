#include "base/crc32c.hpp"

#include <string>

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(std::string_view("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string_view("")), 0U);
}

TEST(Crc32c, ContinuesOverPieces) {
  EXPECT_EQ(crc32c(std::string_view("56789"), crc32c(std::string_view("1234"))), 0xe3069283U);
}

}  // namespace
}  // namespace geminga::base
