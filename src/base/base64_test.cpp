#include "base/base64.hpp"

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

// RFC 4648, section 10.
TEST(Base64, FollowsTheVectorsOfTheStandard) {
  const std::pair<std::string, std::string> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : rows) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text).value(), bytes);
  }
}

TEST(Base64, TakesEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(from_base64(to_base64(all)).value(), all);
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"A", "AB", "ABC", "AB=C", "A===", "====", "Zm9v\n", "Zm9*", "Zg==Zg=="}) {
    const auto bytes = from_base64(text);
    ASSERT_FALSE(bytes.has_value()) << text;
    EXPECT_EQ(bytes.error().code, ErrorCode::parse_error);
  }
}

}  // namespace
}  // namespace geminga::base
