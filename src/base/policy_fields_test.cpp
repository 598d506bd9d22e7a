#include "base/policy_fields.hpp"

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
  EXPECT_EQ(values.size(), 13U);
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
  for (const char* policy : {"backlog_action", "delay_on_ordered"}) {
    const auto names = names_of_values(policy);
    for (std::size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(parse_value(policy, names[i]).value(), i);
      EXPECT_TRUE(to_policies({{policy, i}}));
    }
    EXPECT_FALSE(to_policies({{policy, names.size()}}));
    EXPECT_FALSE(parse_value(policy, "x"));
  }
  EXPECT_EQ(parse_value("backlog_action", "producer_exception").value(),
            static_cast<std::uint64_t>(BacklogAction::producer_exception));
  EXPECT_EQ(parse_value("delay_on_ordered", "hold").value(),
            static_cast<std::uint64_t>(DelayOnOrdered::hold));
  EXPECT_TRUE(names_of_values("max_producers").empty());
}

}  // namespace
}  // namespace geminga::base
