#include "mcp/oauth/challenge.hpp"

#include <gtest/gtest.h>

namespace geminga::mcp::oauth {
namespace {

std::optional<Challenge> read(const char* value) {
  return read_challenge({{"www-authenticate", value}});
}

TEST(Challenge, PartsOfABearerChallenge) {
  const auto challenge = read(
      R"(Bearer error="insufficient_scope", scope="a b",resource_metadata = "https://h/m?x=1,2", error_description="say \"please\"")");
  ASSERT_TRUE(challenge);
  EXPECT_EQ(challenge->error, "insufficient_scope");
  EXPECT_EQ(challenge->scope, "a b");
  EXPECT_EQ(challenge->resource_metadata, "https://h/m?x=1,2");
  EXPECT_EQ(challenge->error_description, "say \"please\"");
}

TEST(Challenge, AmongOtherSchemesAndFields) {
  EXPECT_EQ(read(R"(Basic realm="x", bearer scope=a, Digest scope="b")")->scope, "a");
  const auto challenge = read_challenge({{"WWW-Authenticate", "Negotiate"}, {"WWW-Authenticate", "Bearer"}});
  ASSERT_TRUE(challenge);
  EXPECT_EQ(challenge->scope, "");
  EXPECT_FALSE(read_challenge({}));
  EXPECT_FALSE(read(R"(Basic realm="Bearer scope=x")"));
}

TEST(Challenge, WhatIsMalformedEndsTheReading) {
  EXPECT_EQ(read(R"(Bearer scope="a)")->scope, "a");
  EXPECT_EQ(read(R"(Bearer scope="a\)")->scope, "a");
  EXPECT_EQ(read("Bearer scope=a, =, error=x")->error, "");
  for (const char* text : {"", ",,,", "=", "\"", "Bearer=", "\\"}) read(text);
}

}  // namespace
}  // namespace geminga::mcp::oauth
