#include "base/topic_name.hpp"

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

TEST(TopicName, BareNameBelongsToTheDefaultNamespace) {
  EXPECT_EQ(TopicName::parse("orders", "public/default")->full(), "persistent://public/default/orders");
}

TEST(TopicName, LongFormsAreTheSameTopic) {
  EXPECT_EQ(TopicName::parse("a/b/c", "x/y")->full(), "persistent://a/b/c");
  EXPECT_EQ(TopicName::parse("persistent://a/b/c", "x/y")->full(), "persistent://a/b/c");
  EXPECT_EQ(TopicName::parse("a/b/c", "x/y")->namespace_path(), "a/b");
}

TEST(TopicName, RefusesWhatIsNoName) {
  for (const char* bad : {"", "/", "a/b", "a/b/c/d", "persistent://c", "persistent://a/b/", "a//c", "a b",
                          "x\n", "\xff", "kafka://a/b/c", "non-persistent://a/b", "a/b c/d"}) {
    const auto parsed = TopicName::parse(bad, "public/default");
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_FALSE(TopicName::parse(std::string(256, 'x'), "public/default"));
  EXPECT_TRUE(TopicName::parse(std::string(255, 'x'), "public/default"));
}

TEST(TopicName, NamesOfGroupsTenantsAndNamespaces) {
  EXPECT_TRUE(check_subscription_name("my group"));
  EXPECT_FALSE(check_subscription_name(""));
  EXPECT_FALSE(check_subscription_name("a\tb"));
  EXPECT_FALSE(check_subscription_name("\xc3"));
  EXPECT_TRUE(check_namespace_path("a/b"));
  EXPECT_FALSE(check_namespace_path("a"));
  EXPECT_FALSE(check_namespace_path("a/b/c"));
  EXPECT_FALSE(check_tenant_name("a/b"));
}

TEST(TopicName, KeepsWhetherItIsPersistent) {
  const auto name = TopicName::parse("non-persistent://a/b/c", "public/default").value();
  EXPECT_FALSE(name.persistent);
  EXPECT_EQ(name.full(), "non-persistent://a/b/c");
  EXPECT_TRUE(TopicName::parse("a/b/c", "public/default").value().persistent);
}

}  // namespace
}  // namespace geminga::base
