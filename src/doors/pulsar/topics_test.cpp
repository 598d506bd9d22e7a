// Which topics there are, and where they are served.
#include <string>
#include <vector>

#include "doors/pulsar/door_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using ::testing::HasSubstr;

class PulsarTopicsTest : public testing::PulsarDoorTest {};

TEST_F(PulsarTopicsTest, LookUpsKeepAClientAtTheAddressThatItReached) {
  const auto other = client();
  other->say(wire::CommandPartitionedTopicMetadata{.topic = testing::kTopic, .request_id = 1});
  const auto metadata = other->hear<wire::CommandPartitionedTopicMetadataResponse>();
  EXPECT_EQ(*metadata->partitions, 0U);
  EXPECT_EQ(*metadata->response, wire::PartitionedMetadataResult::success);
  other->say(wire::CommandLookupTopic{.topic = testing::kTopic, .request_id = 2});
  const auto found = other->hear<wire::CommandLookupTopicResponse>();
  EXPECT_EQ(*found->broker_service_url, "pulsar://" + door_->endpoint());
  EXPECT_TRUE(*found->proxy_through_service_url);
  EXPECT_EQ(*found->response, wire::LookupResult::connect);
  other->say(wire::CommandLookupTopic{.topic = "persistent://public/default/a b", .request_id = 3});
  EXPECT_EQ(*other->hear<wire::CommandLookupTopicResponse>()->response, wire::LookupResult::failed);
}

TEST_F(PulsarTopicsTest, AnAdvertisedAddressIsWhatLookUpsAnswer) {
  options_.advertise = "broker.example";
  listen();
  const auto other = client();
  other->say(wire::CommandLookupTopic{.topic = testing::kTopic, .request_id = 2});
  const auto found = other->hear<wire::CommandLookupTopicResponse>();
  EXPECT_EQ(*found->broker_service_url, "pulsar://broker.example:" + std::to_string(door_->port()));
  EXPECT_FALSE(*found->proxy_through_service_url);
}

TEST_F(PulsarTopicsTest, ATopicThatShallNotBeMadeIsNotThere) {
  const auto other = client();
  wire::CommandPartitionedTopicMetadata request{.topic = testing::kTopic, .request_id = 1};
  request.metadata_auto_creation_enabled = false;
  other->say(request);
  EXPECT_EQ(*other->hear<wire::CommandPartitionedTopicMetadataResponse>()->error,
            wire::ServerError::topic_not_found);
  topic();
  other->say(request);
  EXPECT_FALSE(other->hear<wire::CommandPartitionedTopicMetadataResponse>()->error.present());
}

TEST_F(PulsarTopicsTest, TheTopicsOfANamespaceAreListedOnceForAHash) {
  topic("persistent://public/default/b");
  topic("persistent://public/default/a");
  const auto other = client();
  other->say(wire::CommandGetTopicsOfNamespace{.request_id = 1, .namespace_name = "public/default"});
  const auto first = other->hear<wire::CommandGetTopicsOfNamespaceResponse>();
  std::vector<std::string> names;
  for (const std::string_view name : first->topics) names.emplace_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"persistent://public/default/a", "persistent://public/default/b"}));
  other->say(wire::CommandGetTopicsOfNamespace{
      .request_id = 2, .namespace_name = "public/default", .topics_hash = *first->topics_hash});
  const auto second = other->hear<wire::CommandGetTopicsOfNamespaceResponse>();
  EXPECT_FALSE(*second->changed);
  EXPECT_TRUE(second->topics.empty());
}

TEST_F(PulsarTopicsTest, AListIsFilteredByThePatternWhereItCanBe) {
  for (const std::string_view name : {"orders-a", "orders-b-partition-0", "bills"})
    topic("persistent://public/default/" + std::string(name));
  const auto other = client();
  const auto listed = [&](std::string_view pattern, bool filtered) {
    wire::CommandGetTopicsOfNamespace request{.request_id = 1, .namespace_name = "public/default"};
    request.topics_pattern = pattern;
    other->say(request);
    const auto response = other->hear<wire::CommandGetTopicsOfNamespaceResponse>();
    EXPECT_EQ(*response->filtered, filtered) << pattern;
    return response->topics.size();
  };
  EXPECT_EQ(listed("persistent://public/default/orders-.*", true), 2U);
  EXPECT_EQ(listed("persistent://public/default/orders-.", true), 2U);
  EXPECT_EQ(listed("persistent://public/default/(?!bills).*", false), 3U);
}

TEST_F(PulsarTopicsTest, AListThatNoClientTakesIsRefusedWithTheReason) {
  options_.message_bytes_max = 1 << 10;
  listen();
  const std::string long_name(200, 'x');
  for (int i = 0; i < 60; ++i) topic("persistent://public/default/" + long_name + std::to_string(i));
  const auto other = client();
  wire::CommandGetTopicsOfNamespace request{.request_id = 1, .namespace_name = "public/default"};
  other->say(request);
  const auto refused = other->hear<wire::CommandError>();
  EXPECT_EQ(refused->error, wire::ServerError::not_allowed);
  EXPECT_THAT(std::string(refused->message), HasSubstr("60 names"));
  request.topics_pattern = "persistent://public/default/x+1.";
  other->say(request);
  EXPECT_EQ(other->hear<wire::CommandGetTopicsOfNamespaceResponse>()->topics.size(), 10U);
}

}  // namespace
}  // namespace geminga::doors::pulsar
