#include "base/policy_fields.hpp"

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

TEST(PolicyFields, ComeBackAsTheyWere) {
  Policies policies;
  std::uint64_t next = 1;
  PolicyValues values;
  each_policy(policies, [&](const char* name, auto&) { values.emplace(name, next++ % 3); });
  policies = to_policies(values).value();
  EXPECT_EQ(to_values(policies), values) << "each field, none left out";
  EXPECT_EQ(values.size(), 12U);
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
  EXPECT_FALSE(to_policies({{"message_ttl_seconds", 1ULL << 40}}));
  EXPECT_FALSE(to_policies({{"backlog_bytes", 1ULL << 63}}));
}

TEST(PolicyFields, ActionsHaveNames) {
  for (const BacklogAction action : {BacklogAction::producer_request_hold, BacklogAction::producer_exception,
                                     BacklogAction::consumer_backlog_eviction})
    EXPECT_EQ(parse_backlog_action(to_string(action)).value(), action);
  EXPECT_FALSE(parse_backlog_action("hold"));
}

}  // namespace
}  // namespace geminga::base
