// Topics, partitions, subscriptions and policies through the door.
#include <gmock/gmock.h>

#include "doors/http_bus/http_bus_fixture.hpp"
#include "net/http_path.hpp"

namespace geminga::doors {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::bodies;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpBusTest;

TEST_F(HttpBusTest, TopicsAreMadeListedBrowsedAndDeleted) {
  EXPECT_EQ(call("POST", "/api/bus/topics", {{"topic", "made"}}).status, 201);
  EXPECT_EQ(ok("GET", "/api/bus/topics?namespace=public/default")["topics"],
            json::array({"persistent://public/default/made"}));
  const json ids = publish("made", {"1", "2", "3"});
  const json page = ok("GET", "/api/bus/messages?topic=made&limit=2")["messages"];
  ASSERT_EQ(page.size(), 2U);
  const json rest = ok("GET", fmt::format("/api/bus/topics/made/messages?after={}",
                                          net::percent_encode(page[1]["id"].get<std::string>())))["messages"];
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0]["body"], "3");
  EXPECT_EQ(call("DELETE", "/api/bus/topics?topic=made&force=true").status, 204);
  EXPECT_EQ(ok("GET", "/api/bus/topics")["topics"], json::array());
}

TEST_F(HttpBusTest, PartitionsAreMadeListedAddedAndCounted) {
  const Answer made = call("POST", "/api/bus/topics", {{"topic", "many"}, {"partitions", 2}});
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.body["partitions"], 2);
  EXPECT_EQ(call("POST", "/api/bus/topics", {{"topic", "many"}}).status, 409);
  publish("many", {"1", "2", "3", "4"});
  EXPECT_EQ(call("POST", "/api/bus/topics/partitions", {{"topic", "many"}, {"partitions", 3}}).status, 204);
  EXPECT_EQ(call("POST", "/api/bus/topics/partitions", {{"topic", "many"}, {"partitions", 2}}).status, 400);
  const json list = ok("GET", "/api/bus/topics");
  EXPECT_EQ(list["topics"].size(), 3U);
  EXPECT_EQ(list["partitioned"],
            json::array({{{"topic", "persistent://public/default/many"}, {"partitions", 3}}}));
  const json stats = ok("GET", "/api/bus/stats?topic=many");
  EXPECT_EQ(stats["stored_messages"], 4);
  EXPECT_EQ(stats["partitions"], 3);
  ASSERT_EQ(stats["per_partition"].size(), 3U);
  EXPECT_EQ(stats["per_partition"][2]["topic"], "persistent://public/default/many-partition-2");
  EXPECT_EQ(call("DELETE", "/api/bus/topics?topic=many-partition-0").status, 409);
  EXPECT_EQ(call("DELETE", "/api/bus/topics?topic=many").status, 204);
  EXPECT_EQ(ok("GET", "/api/bus/topics")["partitioned"], json::array());
}

TEST_F(HttpBusTest, SubscriptionsAreMadeSkippedAndRemoved) {
  EXPECT_EQ(call("POST", "/api/bus/topics", {{"topic", "t"}}).status, 201);
  EXPECT_EQ(call("POST", "/api/bus/subscriptions",
                 {{"topic", "t"}, {"subscription", "s"}, {"initial_position", "earliest"}})
                .status,
            201);
  publish("t", {"1", "2"});
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["subscriptions"][0]["backlog"], 2);
  EXPECT_EQ(call("POST", "/api/bus/subscriptions/skip-all", {{"topic", "t"}, {"subscription", "s"}}).status,
            204);
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["subscriptions"][0]["backlog"], 0);
  EXPECT_EQ(call("DELETE", "/api/bus/subscriptions?topic=t&subscription=s").status, 204);
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["subscriptions"], json::array());
}

TEST_F(HttpBusTest, SubscriptionsAreMoved) {
  EXPECT_EQ(call("POST", "/api/bus/topics", {{"topic", "t"}}).status, 201);
  json subscription{{"topic", "t"}, {"subscription", "s"}};
  EXPECT_EQ(call("POST", "/api/bus/subscriptions", subscription).status, 201);
  // Holds everything, so that it is there to come back to.
  EXPECT_EQ(call("POST", "/api/bus/subscriptions", {{"topic", "t"}, {"subscription", "z"}}).status, 201);
  const json ids = publish("t", {"1", "2", "3", "4"});
  const auto backlog_after = [&](const std::string& how, const std::string& key, const json& value) {
    json body = subscription;
    body[key] = value;
    const Answer answer = call("POST", "/api/bus/subscriptions/" + how, body);
    EXPECT_EQ(answer.status, 204) << answer.body;
    return ok("GET", "/api/bus/stats?topic=t")["subscriptions"][0]["backlog"].get<int>();
  };
  EXPECT_EQ(backlog_after("skip", "entries", 1), 3);
  EXPECT_EQ(backlog_after("seek", "to", "latest"), 0);
  EXPECT_EQ(backlog_after("seek", "to", ids[2]), 2);
  EXPECT_EQ(backlog_after("expire", "older_than_ms", 3'600'000), 2);
  EXPECT_EQ(backlog_after("seek", "to", "2020-01-01T00:00:00Z"), 4);
  subscription["subscription"] = "other";
  subscription["to"] = "latest";
  EXPECT_EQ(call("POST", "/api/bus/subscriptions/seek", subscription).status, 404);
}

TEST_F(HttpBusTest, PoliciesAreShownReplacedAndInForce) {
  publish("t", {"1"});
  EXPECT_EQ(ok("GET", "/api/bus/policies?topic=t"), json::object());
  const json own = {
      {"backlog_action", "producer_exception"}, {"durability", "async(20)"}, {"max_producers", 3}};
  EXPECT_EQ(ok("PUT", "/api/bus/policies?topic=t", own), own);
  EXPECT_EQ(ok("GET", "/api/bus/policies?topic=t"), own);
  EXPECT_THAT(ok("GET", "/api/bus/namespaces")["namespaces"], ElementsAre("public/default"));
  const std::string of_namespace = "/api/bus/policies?namespace=public%2Fdefault";
  ok("PUT", of_namespace, {{"publish_messages_per_second", 1}});
  EXPECT_EQ(ok("GET", of_namespace)["publish_messages_per_second"], 1);
  const json message = {{"messages", json::array({{{"body", "x"}}})}};
  for (int i = 0; i < 2; ++i) call("POST", "/api/bus/topics/u/messages", message);
  EXPECT_EQ(call("POST", "/api/bus/topics/u/messages", message).status, 429);
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["publish_paused"], "");
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["durability"], "async(20)");
  EXPECT_EQ(ok("PUT", "/api/bus/policies?topic=t", json::object()), json::object());
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["durability"], "sync");
}

TEST_F(HttpBusTest, ATerminatedTopicTakesNothingAndEnds) {
  const json ids = publish("t", {"1"});
  const json ended = {{"last_message_id", ids[0]}};
  EXPECT_EQ(ok("POST", "/api/bus/topics/terminate", {{"topic", "t"}}), ended);
  const Answer late =
      call("POST", "/api/bus/topics/t/messages", {{"messages", json::array({{{"body", "x"}}})}});
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.body["error"], "topic_terminated");
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["terminated"], true);
  const std::string id = consumer({});
  EXPECT_EQ(receive_all(id, 1).size(), 1U);
  ok("POST", "/api/bus/consumers/" + id + "/ack", {{"ids", ids}});
  const Answer end = call("POST", "/api/bus/consumers/" + id + "/receive", {{"wait_ms", 5000}});
  EXPECT_EQ(end.body["error"], "topic_terminated") << end.body;
  ok("POST", "/api/bus/topics", {{"topic", "empty"}});
  EXPECT_EQ(ok("POST", "/api/bus/topics/terminate", {{"topic", "empty"}})["last_message_id"], nullptr);
}

TEST_F(HttpBusTest, ATopicIsCompactedAndReadSo) {
  const json sent = {
      {"messages", json::array({{{"key", "a"}, {"body", "1"}}, {{"key", "a"}, {"body", "2"}}})}};
  const json ids = ok("POST", "/api/bus/topics/t/messages", sent)["ids"];
  EXPECT_EQ(ok("GET", "/api/bus/stats?topic=t")["compaction"]["horizon"], nullptr);
  const Answer begun = call("POST", "/api/bus/topics/compaction", {{"topic", "t"}});
  EXPECT_EQ(begun.status, 202);
  EXPECT_EQ(begun.body["topic"], "persistent://public/default/t");
  json compaction;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    compaction = ok("GET", "/api/bus/stats?topic=t")["compaction"];
  } while (compaction["state"] != "idle" && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(compaction["horizon"], ids[1]);
  EXPECT_EQ(compaction["messages"], 1);
  const std::string id = consumer({{"read_compacted", true}});
  const auto got = receive_all(id, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0]["id"], ids[1]);
}

}  // namespace
}  // namespace geminga::doors
