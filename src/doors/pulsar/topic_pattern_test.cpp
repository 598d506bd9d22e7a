#include "doors/pulsar/topic_pattern.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doors/pulsar/topic_names.hpp"

namespace geminga::doors::pulsar {
namespace {

using ::testing::HasSubstr;

bool matches(std::string_view pattern, std::string_view topic) {
  return TopicPattern::compile(pattern).value()->matches(topic);
}

TEST(TopicPattern, IsForTheWholeNameWithoutItsScheme) {
  for (const std::string_view pattern :
       {"persistent://a/b/c.*", "non-persistent://a/b/c.*", "^persistent://a/b/c.*$", "a/b/c.*"}) {
    EXPECT_TRUE(matches(pattern, "persistent://a/b/cd")) << pattern;
    EXPECT_TRUE(matches(pattern, "non-persistent://a/b/cd")) << pattern;
    EXPECT_FALSE(matches(pattern, "persistent://a/b/d")) << pattern;
    EXPECT_FALSE(matches(pattern, "persistent://aa/b/cd")) << pattern;
  }
  EXPECT_FALSE(matches("http://a/b/c", "persistent://a/b/c"));
}

TEST(TopicPattern, APartitionIsWhatItIsAPartOf) {
  EXPECT_TRUE(matches("persistent://a/b/c", "persistent://a/b/c-partition-3"));
  EXPECT_FALSE(matches("persistent://a/b/c-partition-3", "persistent://a/b/c-partition-3"));
}

TEST(TopicPattern, WhatCannotBeEvaluatedIsRefusedWithTheReason) {
  for (const std::string_view pattern : {"a(?=b)", "(a)\\1", "a(", "a{1000}{1000}"}) {
    const auto refused = TopicPattern::compile(pattern);
    ASSERT_FALSE(refused) << pattern;
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported_by_engine);
    EXPECT_THAT(refused.error().message, HasSubstr("RE2"));
  }
  EXPECT_FALSE(TopicPattern::compile(std::string(TopicPattern::kBytesMax + 1, 'a')));
}

/// Guava prints the bytes of a CRC, the lowest first; that of "123456789" is e3069283.
TEST(TopicNames, TheHashIsThatOfPulsar) {
  EXPECT_EQ(topics_hash(std::vector<std::string>{"123456789"}), "839206e3");
  EXPECT_EQ(topics_hash(std::vector<std::string>{"1234", "6789"}),
            topics_hash(std::vector<std::string>{"1234,6789"}));
  EXPECT_EQ(topics_hash(std::vector<std::string>{}), "00000000");
}

}  // namespace
}  // namespace geminga::doors::pulsar
