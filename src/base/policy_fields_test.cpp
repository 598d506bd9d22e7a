#include "base/policy_fields.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

TEST(PolicyFields, ComeBackAsTheyWere) {
  Policies policies;
  std::uint64_t next = 1;
  PolicyValues values;
  each_policy(policies, [&](const char* name, auto&) { values.emplace(name, next++ % 2); });
  policies = to_policies(values).value();
  EXPECT_EQ(to_values(policies), values) << "each field, none left out";
  EXPECT_EQ(values.size(), 19U);
  EXPECT_EQ(to_policies(to_values({})).value(), Policies{});
}

TEST(PolicyFields, TheOwnFieldGoesBeforeTheWiderOneZeroToo) {
  const Policies wider{.message_ttl = std::chrono::seconds(9), .max_producers = 4};
  const Policies own{.max_producers = 0};
  const Policies both = merged(own, wider);
  EXPECT_EQ(both.message_ttl, std::chrono::seconds(9));
  EXPECT_EQ(both.max_producers, 0U);
  EXPECT_FALSE(both.max_consumers);
}

TEST(PolicyFields, RefusesUnknownNamesAndNumbersOutOfRange) {
  const auto unknown = to_policies({{"message_ttl", 5}});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("message_ttl_seconds"), std::string::npos) << "says what there is";
  EXPECT_FALSE(to_policies({{"max_producers", 1ULL << 32}}));
  EXPECT_FALSE(to_policies({{"backlog_action", 3}}));
  EXPECT_FALSE(to_policies({{"delay_on_ordered", 2}}));
  EXPECT_FALSE(to_policies({{"message_ttl_seconds", 1ULL << 40}}));
  EXPECT_FALSE(to_policies({{"backlog_bytes", 1ULL << 63}}));
}

TEST(PolicyFields, WhatIsNoNumberHasNames) {
  using Words = std::vector<const char*>;
  const std::map<std::string, Words> all = {
      {"backlog_action", {"producer_request_hold", "producer_exception", "consumer_backlog_eviction"}},
      {"delay_on_ordered", {"deliver", "hold"}},
      {"schema_compatibility",
       {"always_incompatible", "always_compatible", "backward", "forward", "full", "backward_transitive",
        "forward_transitive", "full_transitive"}},
      {"schema_auto_update", {"false", "true"}},
      {"schema_validation_enforced", {"false", "true"}},
      {"deduplication", {"false", "true"}}};
  for (const auto& [policy, words] : all) {
    EXPECT_TRUE(is_word(policy));
    for (std::size_t i = 0; i < words.size(); ++i) {
      EXPECT_EQ(parse_word(policy, words[i]).value(), i);
      EXPECT_EQ(to_word(policy, i), words[i]);
      EXPECT_TRUE(to_policies({{policy, i}}));
    }
    EXPECT_FALSE(to_policies({{policy, words.size()}}));
    EXPECT_FALSE(parse_word(policy, "x"));
  }
  EXPECT_FALSE(is_word("max_producers"));
}

TEST(PolicyFields, DurabilityHasAWordAndBounds) {
  EXPECT_TRUE(is_word("durability"));
  EXPECT_EQ(to_word("durability", 0), "sync");
  EXPECT_EQ(to_word("durability", 20), "async(20)");
  EXPECT_EQ(parse_word("durability", "sync").value(), 0U);
  EXPECT_EQ(parse_word("durability", "async(60000)").value(), 60'000U);
  for (const char* wrong : {"", "async", "async()", "async(0)", "async(60001)", "async(20ms)", "async(-1)",
                            "async(5", "async(5) ", "SYNC", "async(99999999999999999999)"})
    EXPECT_FALSE(parse_word("durability", wrong)) << wrong;
  EXPECT_FALSE(to_policies({{"durability", 60'001}}));
  const Policies negative{.durability = Durability{std::chrono::milliseconds(-1)}};
  EXPECT_FALSE(to_policies(to_values(negative)));
  const Policies wider{.durability = Durability{std::chrono::milliseconds(5)}};
  EXPECT_EQ(merged({}, wider).durability, wider.durability);
  EXPECT_EQ(merged({.durability = Durability{}}, wider).durability, Durability{}) << "sync over async";
}

}  // namespace
}  // namespace geminga::base
