#include "cli/properties.hpp"

#include <gtest/gtest.h>

namespace geminga::cli {
namespace {

std::string shown(std::string_view text) {
  const auto parsed = parse_properties(text);
  if (!parsed) return parsed.error().message;
  std::string out;
  for (const Property& one : *parsed) out += std::to_string(one.line) + "<" + one.key + "|" + one.value + ">";
  return out;
}

TEST(Properties, KeysAndValues) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("a=1\nb:2\nc 3\nd = 4\ne :5 \nf\n g\t=\t6"), "1<a|1>2<b|2>3<c|3>4<d|4>5<e|5>6<f|>7<g|6>");
  EXPECT_EQ(shown("a==1\nb=x=y:z\nc = : d"), "1<a|=1>2<b|x=y:z>3<c|: d>");
  EXPECT_EQ(shown("a=1\r\nb=2\rc=3"), "1<a|1>2<b|2>3<c|3>");
  EXPECT_EQ(shown("\xEF\xBB\xBF"
                  "a=1"),
            "1<a|1>");
  EXPECT_EQ(shown("a=1\na=2"), "1<a|1>2<a|2>");
}

TEST(Properties, CommentsAndLinesThatGoOn) {
  EXPECT_EQ(shown("# a=1\n  ! b=2\n\n  \nc=3 # d"), "5<c|3 # d>");
  EXPECT_EQ(shown("a=1,\\\n    2,\\\n# 3\nb=4"), "1<a|1,2,# 3>4<b|4>");
  EXPECT_EQ(shown("a=x\\\\\nb=1"), "1<a|x\\>2<b|1>");
  EXPECT_EQ(shown("a=x\\"), "1<a|x>");
  EXPECT_EQ(shown("a\\\n b=1"), "1<ab|1>");
}

TEST(Properties, SignsBehindABackslash) {
  EXPECT_EQ(shown("a\\=b\\:c\\ d=\\t\\n\\q\\\\\\u0041\\u00e4\\u20ac\\ud83d\\ude00|"),
            "1<a=b:c d|\t\nq\\A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80|>");
  EXPECT_TRUE(shown("a=1\nb=\\u12g4").starts_with("2: \\u needs four")) << shown("a=1\nb=\\u12g4");
  EXPECT_TRUE(shown("a=\\u12").starts_with("1: "));
  EXPECT_TRUE(shown("a=\\ud83d").starts_with("1: "));
  EXPECT_TRUE(shown("a=\\ude00").starts_with("1: "));
}

}  // namespace
}  // namespace geminga::cli
