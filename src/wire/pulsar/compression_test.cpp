#include "wire/pulsar/compression.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::wire::pulsar {
namespace {

class CompressionTest : public ::testing::TestWithParam<CompressionType> {
 protected:
  static std::vector<std::string> payloads() {
    std::string words;
    for (int i = 0; i < 5'000; ++i) words += "word " + std::to_string(i % 97) + ' ';
    return {"a", "payload", std::string(100'000, 'x'), words};
  }
  static auto unpacked(std::string_view packed, std::size_t bytes) {
    return unpack(GetParam(), packed, static_cast<std::uint32_t>(bytes));
  }
};

TEST_P(CompressionTest, WhatIsPackedIsUnpacked) {
  for (const std::string& payload : payloads()) {
    const auto back = unpacked(pack(GetParam(), payload), payload.size());
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, payload);
  }
  EXPECT_EQ(unpacked(pack(GetParam(), ""), 0), "");
}

TEST_P(CompressionTest, ALengthThatIsNotItsOwnIsAFault) {
  const std::string payload = payloads().back();
  const std::string packed = pack(GetParam(), payload);
  for (const std::size_t lie : {payload.size() - 1, payload.size() + 1, payload.size() * 2, std::size_t{1}}) {
    const auto result = unpacked(packed, lie);
    ASSERT_FALSE(result) << lie;
    EXPECT_EQ(result.error().fault, Fault::bad_compression);
  }
}

TEST_P(CompressionTest, WhatIsTooLargeIsNotBegun) {
  const std::string packed = pack(GetParam(), "payload");
  EXPECT_FALSE(unpack(GetParam(), packed, 4'000'000'000U));
  EXPECT_FALSE(unpack(GetParam(), packed, 1'000'000U)) << "no such few bytes become as many";
  EXPECT_FALSE(unpack(GetParam(), pack(GetParam(), std::string(100, 'x')), 100, 99));
}

TEST_P(CompressionTest, DamageAnywhereIsAFaultOrOtherBytes) {
  const std::string payload = payloads()[2].substr(0, 300) + "end";
  const std::string packed = pack(GetParam(), payload);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    EXPECT_FALSE(unpacked(std::string_view(packed).substr(0, i), payload.size())) << "cut at " << i;
    std::string other = packed;
    other[i] = static_cast<char>(other[i] ^ 0x5a);
    if (const auto result = unpacked(other, payload.size())) {
      EXPECT_EQ(result->size(), payload.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, CompressionTest,
                         ::testing::Values(CompressionType::lz4, CompressionType::zlib, CompressionType::zstd,
                                           CompressionType::snappy));

TEST(Compression, NoneIsNone) {
  EXPECT_EQ(unpack(CompressionType::none, "payload", 0), "payload");
  EXPECT_EQ(pack(CompressionType::none, "payload"), "payload");
}

}  // namespace
}  // namespace geminga::wire::pulsar
