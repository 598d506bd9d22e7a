#include <gtest/gtest.h>

#include "bus/partitions/admin.hpp"

namespace geminga::bus {
namespace {

TopicStats partition(std::uint64_t stored, const std::string& active) {
  TopicStats stats;
  stats.stored_messages = stored;
  stats.producers = 2;
  SubscriptionStats group{
      .name = "group", .type = SubscriptionType::failover, .backlog = stored, .consumers = 2};
  for (const char* name : {"a", "b"})
    group.connected.push_back({.name = name, .active = name == active, .unacked = 1});
  stats.subscriptions.push_back(group);
  return stats;
}

TEST(PartitionStats, SumsAndKeepsTheNumbersOfEach) {
  auto first = partition(3, "a");
  auto second = partition(4, "a");
  second.subscriptions[0].dispatch_paused = "too much";
  second.subscriptions.push_back({.name = "other", .backlog = 1});
  const TopicStats sum = sum_of_partitions("t", {first, second});
  EXPECT_EQ(sum.topic, "t");
  EXPECT_EQ(sum.partitions, 2U);
  EXPECT_EQ(sum.stored_messages, 7U);
  EXPECT_EQ(sum.producers, 2U) << "the same on each";
  ASSERT_EQ(sum.subscriptions.size(), 2U);
  const SubscriptionStats& group = sum.subscriptions[0];
  EXPECT_EQ(group.type, SubscriptionType::failover);
  EXPECT_EQ(group.backlog, 7U);
  EXPECT_EQ(group.consumers, 2U);
  EXPECT_EQ(group.dispatch_paused, "partition 1: too much");
  ASSERT_EQ(group.connected.size(), 2U);
  EXPECT_EQ(group.connected[0].unacked, 2U);
  EXPECT_TRUE(group.connected[0].active);
  EXPECT_FALSE(group.connected[1].active) << "on neither";
  EXPECT_EQ(sum.subscriptions[1].backlog, 1U);
  ASSERT_EQ(sum.per_partition.size(), 2U);
  EXPECT_EQ(sum.per_partition[1].stored_messages, 4U);
}

TEST(PartitionStats, WhoIsActiveSomewhereIsActive) {
  const TopicStats sum = sum_of_partitions("t", {partition(0, "a"), partition(0, "b")});
  for (const ConsumerStats& each : sum.subscriptions[0].connected) EXPECT_TRUE(each.active) << each.name;
}

}  // namespace
}  // namespace geminga::bus
