#include "wire/pulsar/protocol.hpp"

#include <gtest/gtest.h>

namespace geminga::wire::pulsar {
namespace {

TEST(PulsarProtocol, TheOlderEndDecides) {
  EXPECT_EQ(agreed_version(0), 0);
  EXPECT_EQ(agreed_version(20), 20);
  EXPECT_EQ(agreed_version(99), kProtocolVersion);
}

TEST(PulsarProtocol, AFlagOpensWhatTheVersionAloneDoesNot) {
  EXPECT_FALSE(may_challenge(since::kAuthChallenge, {}));
  EXPECT_TRUE(may_challenge(since::kAuthChallenge, {.supports_auth_refresh = true}));
  EXPECT_FALSE(may_challenge(since::kAuthChallenge - 1, {.supports_auth_refresh = true}));
  EXPECT_FALSE(may_send_broker_entry(since::kBrokerEntryAtClient, {}));
  EXPECT_TRUE(may_send_broker_entry(since::kBrokerEntryAtClient, {.supports_broker_entry_metadata = true}));
  EXPECT_FALSE(may_tell_end_of_topic(8));
  EXPECT_TRUE(may_tell_end_of_topic(9));
  EXPECT_FALSE(may_tell_active_consumer(11));
  EXPECT_TRUE(may_tell_active_consumer(12));
  EXPECT_FALSE(may_watch_topics({}));
  EXPECT_TRUE(may_watch_topics({.supports_topic_watchers = true}));
}

}  // namespace
}  // namespace geminga::wire::pulsar
