#include "broker/delay_choice.hpp"

#include <gtest/gtest.h>

namespace geminga::broker {
namespace {

TEST(DelayChoice, TheSubscriptionsOwnWordGoesBeforeThePolicy) {
  const Properties nothing;
  const Properties hold{{kDelayProperty, kHold}};
  const Properties deliver{{kDelayProperty, kDeliver}};
  for (const SubscriptionType type : {SubscriptionType::exclusive, SubscriptionType::failover}) {
    EXPECT_FALSE(holds_delayed(type, nothing, std::nullopt)) << "as in Pulsar";
    EXPECT_TRUE(holds_delayed(type, nothing, DelayOnOrdered::hold));
    EXPECT_FALSE(holds_delayed(type, nothing, DelayOnOrdered::deliver));
    EXPECT_TRUE(holds_delayed(type, hold, DelayOnOrdered::deliver));
    EXPECT_FALSE(holds_delayed(type, deliver, DelayOnOrdered::hold));
  }
  for (const SubscriptionType type : {SubscriptionType::shared, SubscriptionType::key_shared})
    EXPECT_TRUE(holds_delayed(type, deliver, DelayOnOrdered::deliver));
}

TEST(DelayChoice, RefusesAnotherWord) {
  EXPECT_TRUE(check_properties({{"anything", "else"}}));
  EXPECT_TRUE(check_properties({{kDelayProperty, "deliver"}}));
  const auto refused = check_properties({{kDelayProperty, "wait"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().message.find("hold"), std::string::npos);
}

}  // namespace
}  // namespace geminga::broker
