#include "net/http_path.hpp"

#include <gtest/gtest.h>

namespace geminga::net {
namespace {

using Segments = std::vector<std::string>;
using Query = std::vector<std::pair<std::string, std::string>>;

TEST(HttpPath, DecodesSegmentsAndQuery) {
  const auto target =
      parse_target("/api/a%20b/%C3%BC?x=1&topic=persistent%3A%2F%2Ft%2Fn%2Fx&e&s=a+b%2B").value();
  EXPECT_EQ(target.segments, (Segments{"api", "a b", "ü"}));
  EXPECT_EQ(target.query, (Query{{"x", "1"}, {"topic", "persistent://t/n/x"}, {"e", ""}, {"s", "a b+"}}));
}

TEST(HttpPath, TheRootAndATrailingSlashArePathsOfTheirOwn) {
  EXPECT_EQ(parse_target("/").value().segments, Segments{""});
  EXPECT_EQ(parse_target("/metrics/").value().segments, (Segments{"metrics", ""}));
  EXPECT_NE(parse_target("/metrics/").value(), parse_target("/metrics").value());
}

TEST(HttpPath, OneSpellingForEachPath) {
  for (const std::string target :
       {"",        "x",          "*",         "http://a/b", "//",       "//a",     "/a//b",  "/a/../b",
        "/..",     "/.",         "/a/./b",    "/%2e%2e/b",  "/%2E./b",  "/a%2fb",  "/a%2Fb", "/a%5cb",
        "/a\\b",   "/a%00b",     "/a%0d%0ab", "/a%7f",      "/%",       "/%4",     "/%zz",   "/a%c3",
        "/%c0%af", "/%ed%a0%80", "/a#b",      "/a?x=%",     "/a?x=%00", "/a?%ff=1"}) {
    const auto parsed = parse_target(target);
    ASSERT_FALSE(parsed) << target;
    EXPECT_EQ(parsed.error().code, ErrorCode::parse_error) << target;
  }
}

TEST(HttpPath, WhatIsOnlyUnusualPasses) {
  EXPECT_EQ(parse_target("/...").value().segments, Segments{"..."});
  EXPECT_EQ(parse_target("/a;b=c").value().segments, Segments{"a;b=c"});
  EXPECT_EQ(parse_target("/%252e").value().segments, Segments{"%2e"});
}

TEST(HttpPath, EncodingIsUndoneByDecoding) {
  std::string every_ascii;
  for (char c = 1; c < 127; ++c) every_ascii.push_back(c);
  const std::string text = every_ascii + "üß€😀";
  EXPECT_EQ(percent_decode(percent_encode(text)).value(), text);
  EXPECT_EQ(percent_encode("a/b c"), "a%2Fb%20c");
}

}  // namespace
}  // namespace geminga::net
