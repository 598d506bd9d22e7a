#include "base/partition_name.hpp"

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

TEST(PartitionName, IsReadAsItIsWritten) {
  const std::string name = partition_name("persistent://a/b/c", 17);
  EXPECT_EQ(name, "persistent://a/b/c-partition-17");
  const auto parts = split_partition_name(name);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->topic, "persistent://a/b/c");
  EXPECT_EQ(parts->partition, 17U);
  EXPECT_EQ(split_partition_name("persistent://a/b/c-partition-0")->partition, 0U);
  EXPECT_EQ(split_partition_name("x-partition-1-partition-2")->topic, "x-partition-1");
}

TEST(PartitionName, IsNothingElse) {
  for (const char* name :
       {"", "persistent://a/b/c", "c-partition-", "c-partition-01", "c-partition-x", "c-partition-1x",
        "c-partition--1", "c-partition-99999999999", "persistent://a/b/-partition-1"})
    EXPECT_FALSE(split_partition_name(name)) << name;
}

TEST(PartitionName, SaysWhatCannotBePartitioned) {
  EXPECT_TRUE(check_partitioned("persistent://a/b/c", kPartitionsMax));
  const std::string longest = "persistent://a/b/" + std::string(243, 'x');
  EXPECT_TRUE(check_partitioned(longest, 10));
  for (const auto& [topic, partitions] : {std::pair<std::string, std::uint32_t>{"persistent://a/b/c", 0},
                                          {"persistent://a/b/c", kPartitionsMax + 1},
                                          {"persistent://a/b/c-partition-1", 2},
                                          {longest, 11}})
    EXPECT_EQ(check_partitioned(topic, partitions).error().code, ErrorCode::invalid_argument) << topic;
}

}  // namespace
}  // namespace geminga::base
