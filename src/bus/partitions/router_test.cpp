#include "bus/partitions/router.hpp"

#include <set>

#include <gtest/gtest.h>

namespace geminga::bus {
namespace {

OutgoingMessage with_key(std::string key) {
  OutgoingMessage message;
  message.key = std::move(key);
  return message;
}

TEST(PartitionRouter, AKeyGoesWherePulsarsClientsPutIt) {
  PartitionRouter router;
  // Murmur3_32Hash of "k1" is 2110152746, of "key1" 462881061: the values of Pulsar's own tests.
  EXPECT_EQ(router.pick(with_key("k1"), 10), 6U);
  EXPECT_EQ(router.pick(with_key("key1"), 10), 1U);
  EXPECT_EQ(router.pick(with_key("k1"), 7), 2110152746U % 7);
  EXPECT_EQ(router.pick(with_key("k1"), 1), 0U);
}

TEST(PartitionRouter, AResendWithoutKeyMeetsItsFirstCopy) {
  PartitionRouter one;
  PartitionRouter other;
  for (std::uint64_t id = 0; id < 20; ++id) {
    OutgoingMessage message;
    message.sequence_id = id;
    EXPECT_EQ(one.pick(message, 4), other.pick(message, 4));
  }
}

TEST(PartitionRouter, WithoutBothEachHasItsTurn) {
  PartitionRouter router;
  std::multiset<std::uint32_t> picked;
  for (int i = 0; i < 12; ++i) picked.insert(router.pick({}, 4));
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(picked.count(i), 3U);
}

TEST(PartitionRouters, TopicsHaveTurnsOfTheirOwn) {
  PartitionRouters routers;
  std::multiset<std::uint32_t> picked;
  for (int i = 0; i < 8; ++i) {
    picked.insert(routers.pick("a", {}, 2));
    routers.pick("b", {}, 2);
  }
  EXPECT_EQ(picked.count(0), 4U);
}

}  // namespace
}  // namespace geminga::bus
