#include "broker/metrics.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/metrics.hpp"
#include "broker/broker_fixture.hpp"

namespace geminga::broker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace testing;

class BrokerMetricsTest : public BrokerTest {};

TEST_F(BrokerMetricsTest, ShowsTheSumsOverAllTopicsAsTheyAreNow) {
  base::Metrics metrics;
  auto exposed = expose(*broker_, metrics);
  EXPECT_THAT(metrics.exposition(),
              AllOf(HasSubstr("pulsar_topics_count 0\n"), HasSubstr("geminga_journal_groups_total 0\n")));

  const TopicPtr one = topic("persistent://public/default/one");
  topic("persistent://public/default/two");
  const auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(one, inbox).value();
  for (const char* body : {"a", "b", "c"}) publish(one, body);
  inbox->next();
  const Delivered second = inbox->next();
  inbox->next();
  ASSERT_TRUE(acknowledge(consumer, second.entry.header.entry));
  EXPECT_THAT(metrics.exposition(),
              AllOf(HasSubstr("pulsar_topics_count 2\n"), HasSubstr("pulsar_subscriptions_count 1\n"),
                    HasSubstr("pulsar_consumers_count 1\n"), HasSubstr("pulsar_subscription_back_log 2\n"),
                    HasSubstr("pulsar_subscription_unacked_messages 2\n"),
                    HasSubstr("geminga_acknowledged_ranges 1\n"),
                    HasSubstr("geminga_memory_table_limit_bytes 67108864\n")));
  const std::uint64_t groups = broker_->broker_stats().log.groups;
  EXPECT_THAT(metrics.exposition(), HasSubstr(fmt::format("geminga_journal_groups_total {}\n", groups)));
  exposed.reset();
}

}  // namespace
}  // namespace geminga::broker
