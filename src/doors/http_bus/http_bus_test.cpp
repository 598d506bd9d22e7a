#include "doors/http_bus/http_bus.hpp"

#include <filesystem>
#include <fstream>
#include <future>
#include <regex>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bus/fake_engine.hpp"
#include "doors/http_bus/http_bus_fixture.hpp"
#include "net/http_server.hpp"
#include "net/origin_guard.hpp"
#include "net/raw_client.hpp"

namespace geminga::doors {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::bodies;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpBusTest;

TEST_F(HttpBusTest, WhatIsPublishedIsReceivedAndAcknowledged) {
  const json ids = publish("t", {"one", "two"});
  const std::string id = consumer({});
  const auto messages = receive_all(id, 2);
  ASSERT_THAT(bodies(messages), ElementsAre("one", "two"));
  EXPECT_EQ(messages[0]["id"], ids[0]);
  EXPECT_EQ(messages[0]["topic"], "persistent://public/default/t");
  EXPECT_EQ(messages[0]["redelivery_count"], 0);
  EXPECT_EQ(ok("POST", "/api/bus/consumers/" + id + "/ack", {{"ids", ids}}),
            json({{"settled", 2}, {"unknown", json::array()}}));
  EXPECT_EQ(ok("POST", "/api/bus/consumers/" + id + "/ack", {{"ids", ids}}),
            json({{"settled", 0}, {"unknown", ids}}));
  EXPECT_EQ(ok("GET", "/api/bus/topics/t/stats")["subscriptions"][0]["backlog"], 0);
}

TEST_F(HttpBusTest, EveryFieldOfAMessageMakesTheRoundTrip) {
  const json sent = json::parse(R"({"messages": [{"body_base64": "AP8=", "key": "k", "properties": {"a": "ü"},
    "event_time": "2026-11-21T20:15:03.123Z"}]})");
  ok("POST", "/api/bus/messages?topic=persistent%3A%2F%2Fpublic%2Fdefault%2Ft", sent);
  const auto messages = receive_all(consumer({}), 1);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0]["body_base64"], "AP8=");
  EXPECT_EQ(messages[0]["key"], "k");
  EXPECT_EQ(messages[0]["properties"], json({{"a", "ü"}}));
  EXPECT_EQ(messages[0]["event_time"], "2026-11-21T20:15:03.123Z");
}

TEST_F(HttpBusTest, AHandedBackMessageComesAgainWithItsCount) {
  publish("t", {"again"});
  const std::string id = consumer({{"type", "shared"}});
  const auto first = receive_all(id, 1);
  ok("POST", "/api/bus/consumers/" + id + "/nack", {{"ids", {first.at(0)["id"]}}, {"delay_ms", 0}});
  const auto second = receive_all(id, 1);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0]["id"], first[0]["id"]);
  EXPECT_EQ(second[0]["redelivery_count"], 1);
}

TEST_F(HttpBusTest, AReceiveWaitsForAMessageThatIsPublishedLater) {
  const std::string id = consumer({});
  std::thread later([&] { publish("t", {"late"}); });
  const json messages = receive(id, 1, 5000);
  later.join();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0]["body"], "late");
  EXPECT_EQ(receive(id, 1, 0), json::array());
}

TEST_F(HttpBusTest, AClientThatIsGoneTakesNothing) {
  const std::string id = consumer({});
  const auto wait_for_waiting = [&](int count) {
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < end)
      if (ok("GET", "/api/bus/consumers")["consumers"][0]["waiting"] == count) return true;
    return false;
  };
  {
    net::testing::RawClient gone(server_->port());
    gone.post("/api/bus/consumers/" + id + "/receive", R"({"max": 1, "wait_ms": 60000})");
    ASSERT_TRUE(wait_for_waiting(1));
  }
  ASSERT_TRUE(wait_for_waiting(0));  // long before its minute is over
  publish("t", {"kept"});
  const auto messages = receive_all(id, 1);
  ASSERT_THAT(bodies(messages), ElementsAre("kept"));
  EXPECT_EQ(messages[0]["redelivery_count"], 0);
}

TEST_F(HttpBusTest, WhatAClosedConsumerDidNotSettleGoesToTheNext) {
  publish("t", {"a"});
  const std::string first = consumer({});
  ASSERT_EQ(receive_all(first, 1).size(), 1U);
  ok("DELETE", "/api/bus/consumers/" + first);
  EXPECT_EQ(call("POST", "/api/bus/consumers/" + first + "/receive", json::object()).status, 404);
  EXPECT_THAT(bodies(receive_all(consumer({}), 1)), ElementsAre("a"));
}

TEST_F(HttpBusTest, AConsumerThatNobodyAsksIsClosed) {
  publish("t", {"a"});
  const std::string idle = consumer({{"idle_timeout_ms", 1}});
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (!ok("GET", "/api/bus/consumers")["consumers"].empty() && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(call("POST", "/api/bus/consumers/" + idle + "/receive", json::object()).status, 404);
  // The subscription is exclusive: the next one gets in only because the first is really gone.
  Answer answer;
  do answer = call("POST", "/api/bus/consumers", {{"topic", "t"}, {"subscription", "s"}});
  while (answer.status == 409 && std::chrono::steady_clock::now() < end);
  EXPECT_EQ(answer.status, 201) << answer.body;
}

TEST_F(HttpBusTest, SaysWhichBusItIsAndWhatItCanDo) {
  const json bus = ok("GET", "/api/bus");
  EXPECT_THAT(bus["url"], HasSubstr("embedded:"));
  EXPECT_EQ(bus["capabilities"]["atomic_forward"]["support"], "native");
  EXPECT_EQ(bus["capabilities"].size(), kFeatureCount);
}

/// "POST /api/bus/topics" of every route that the reference shows in its tables.
std::set<std::string> documented_routes() {
  std::ifstream in(GEMINGA_SOURCE_DIR "/docs/reference/http-bus.md");
  const std::regex route("`([A-Z]+ /api/bus[^ `?\\[]*)");
  std::set<std::string> found;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    for (std::sregex_iterator it(line.begin(), line.end(), route), end; it != end; ++it)
      found.insert((*it)[1].str());
  }
  return found;
}

TEST_F(HttpBusTest, TheReferenceShowsEveryRouteAndNoOther) {
  std::set<std::string> routes;
  for (const net::Route* route : server_->router().routes())
    routes.insert(route->method + " " + route->pattern);
  EXPECT_EQ(routes, documented_routes());
}

TEST_F(HttpBusTest, WrongRequestsAreRefusedWithTheReason) {
  const struct {
    std::string method;
    std::string path;
    json body;
    int status;
  } cases[] = {
      {"POST", "/api/bus/messages", {{"messages", json::array({{{"body", "x"}}})}}, 400},
      {"POST", "/api/bus/messages?topic=", {{"messages", json::array({{{"body", "x"}}})}}, 400},
      {"POST", "/api/bus/messages?topic=a%2Fb", {{"messages", json::array({{{"body", "x"}}})}}, 400},
      {"POST", "/api/bus/topics/t/messages", {{"messages", json::array()}}, 400},
      {"POST", "/api/bus/topics/t/messages", json::array(), 400},
      {"POST", "/api/bus/topics", {{"topic", ""}}, 400},
      {"POST", "/api/bus/topics", {{"topic", "t"}, {"size", 1}}, 400},
      {"POST", "/api/bus/topics", {{"topic", "t"}, {"partitions", 0}}, 400},
      {"POST", "/api/bus/topics", {{"topic", "t"}, {"partitions", 10'001}}, 400},
      {"POST", "/api/bus/topics/partitions", {{"topic", "t"}}, 400},
      {"POST", "/api/bus/topics/partitions", {{"topic", "missing"}, {"partitions", 2}}, 404},
      {"POST", "/api/bus/consumers", {{"topic", "t"}}, 400},
      {"POST", "/api/bus/consumers", {{"topic", "t"}, {"subscription", "s"}, {"idle_timeout_ms", 0}}, 400},
      {"POST",
       "/api/bus/consumers",
       {{"topic", "t"}, {"subscription", "s"}, {"idle_timeout_ms", 3600001}},
       400},
      {"POST", "/api/bus/consumers/none/receive", json::object(), 404},
      {"POST", "/api/bus/consumers/none/receive", {{"wait_ms", 60001}}, 400},
      {"POST", "/api/bus/consumers/none/ack", {{"ids", json::array()}}, 404},
      {"DELETE", "/api/bus/consumers/none", nullptr, 404},
      {"GET", "/api/bus/stats", nullptr, 400},
      {"GET", "/api/bus/stats?topic=missing", nullptr, 404},
      {"GET", "/api/bus/messages?topic=t&limit=0", nullptr, 400},
      {"GET", "/api/bus/messages?topic=t&limit=1x", nullptr, 400},
      {"GET", "/api/bus/messages?topic=t&after=x", nullptr, 400},
      {"POST", "/api/bus/topics/terminate", json::object(), 400},
      {"POST", "/api/bus/topics/compaction", json::object(), 400},
      {"POST", "/api/bus/topics/compaction", {{"topic", "missing"}}, 404},
      {"POST", "/api/bus/topics/compaction", {{"topic", "non-persistent://public/default/t"}}, 400},
      {"POST",
       "/api/bus/consumers",
       {{"topic", "t"}, {"subscription", "s"}, {"type", "shared"}, {"read_compacted", true}},
       400},
      {"POST", "/api/bus/topics/terminate", {{"topic", "missing"}}, 404},
      {"GET", "/api/bus/policies", nullptr, 400},
      {"GET", "/api/bus/policies?topic=t&namespace=public%2Fdefault", nullptr, 400},
      {"GET", "/api/bus/policies?topic=missing", nullptr, 404},
      {"GET", "/api/bus/policies?namespace=no%2Fwhere", nullptr, 404},
      {"GET", "/api/bus/policies?namespace=wrong", nullptr, 400},
      {"PUT", "/api/bus/policies?topic=missing", {{"max_producers", 1}}, 404},
      {"PUT", "/api/bus/policies?topic=t", {{"message_ttl", 1}}, 400},
      {"PUT", "/api/bus/policies?topic=t", {{"max_producers", -1}}, 400},
      {"PUT", "/api/bus/policies?topic=t", {{"max_producers", 4294967296}}, 400},
      {"PUT", "/api/bus/policies?topic=t", {{"backlog_action", "hold"}}, 400},
      {"PUT", "/api/bus/policies?topic=t", {{"backlog_action", 1}}, 400},
      {"PUT", "/api/bus/policies?topic=t", {{"durability", "async(0)"}}, 400},
      {"PUT", "/api/bus/policies?topic=t", {{"durability", 20}}, 400},
      {"DELETE", "/api/bus/topics?topic=t&force=yes", nullptr, 400},
      {"DELETE", "/api/bus/topics?topic=missing", nullptr, 404},
      {"DELETE", "/api/bus/subscriptions?topic=t", nullptr, 400},
      {"POST", "/api/bus/subscriptions/seek", {{"topic", "t"}, {"subscription", "s"}}, 400},
      {"POST", "/api/bus/subscriptions/seek", {{"topic", "t"}, {"subscription", "s"}, {"to", "then"}}, 400},
      {"POST", "/api/bus/subscriptions/skip", {{"topic", "t"}, {"subscription", "s"}, {"entries", 0}}, 400},
      {"POST", "/api/bus/subscriptions/expire", {{"topic", "t"}, {"subscription", "s"}}, 400},
  };
  for (const auto& [method, path, body, status] : cases) {
    const Answer answer = call(method, path, body);
    EXPECT_EQ(answer.status, status) << method << ' ' << path << ' ' << answer.body;
    EXPECT_FALSE(answer.body.value("message", "").empty()) << method << ' ' << path;
  }
}

TEST_F(HttpBusTest, LimitsConsumersAndWhatTheyHold) {
  open({.consumers_max = 1, .unsettled_max = 2});
  publish("t", {"1", "2", "3"});
  const std::string id = consumer({});
  EXPECT_EQ(call("POST", "/api/bus/consumers", {{"topic", "t"}, {"subscription", "other"}}).status, 429);
  const auto held = receive_all(id, 2);
  ASSERT_EQ(held.size(), 2U);
  EXPECT_EQ(call("POST", "/api/bus/consumers/" + id + "/receive", json::object()).status, 429);
  ok("POST", "/api/bus/consumers/" + id + "/ack", {{"ids", {held[0]["id"]}}});
  EXPECT_THAT(bodies(receive_all(id, 1)), ElementsAre("3"));
}

TEST_F(HttpBusTest, WhatCouldNotBeAcknowledgedComesAgain) {
  shut();
  const auto engine = std::make_shared<bus::testing::FakeState>();
  open(bus::make_bus(std::make_unique<bus::testing::FakeEngine>(engine), {}), {});
  const std::string id = consumer({});
  std::vector<bus::EngineMessage> one;
  one.push_back({.message = {}, .tag = 7, .bytes = 1});
  engine->sink->on_messages(std::move(one));
  const json held = receive(id, 1);
  ASSERT_EQ(held.size(), 1U);
  auto acknowledged = std::async(std::launch::async, [&] {
    return call("POST", "/api/bus/consumers/" + id + "/ack", {{"ids", {held[0]["id"]}}});
  });
  const auto asked = [&] {
    return engine->locked([](auto& state) { return !state.acknowledgements.empty(); });
  };
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!asked() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  ASSERT_TRUE(asked());
  engine->acknowledgements[0](fail(ErrorCode::disk_full, "no room"));
  EXPECT_EQ(acknowledged.get().status, 507);
  EXPECT_THAT(engine->locked([](auto& state) { return state.negative; }), ElementsAre(7U));
}

TEST_F(HttpBusTest, WhatTimedOutIsNotHeldAnyMore) {
  open({.unsettled_max = 2});
  publish("t", {"1", "2", "3"});
  const std::string id = consumer({{"ack_timeout_ms", 50}, {"type", "shared"}});
  ASSERT_EQ(receive_all(id, 2).size(), 2U);
  Answer answer{429, {}};
  for (const auto end = std::chrono::steady_clock::now() + 5s;
       answer.status == 429 && std::chrono::steady_clock::now() < end;)
    answer = call("POST", "/api/bus/consumers/" + id + "/receive", {{"max", 2}, {"wait_ms", 1000}});
  EXPECT_EQ(answer.status, 200) << "they have come back to the subscription: " << answer.body;
}

TEST_F(HttpBusTest, ClosingAnswersAReceiveThatWaits) {
  const std::string id = consumer({});
  net::testing::RawClient waiting(server_->port());
  waiting.post("/api/bus/consumers/" + id + "/receive", R"({"wait_ms": 60000})");
  const auto start = std::chrono::steady_clock::now();
  door_->close();
  const int status = waiting.read_response().status;
  EXPECT_TRUE(status == 503 || status == 404 || status == 409) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_EQ(call("GET", "/api/bus/topics").status, 503);
}

}  // namespace
}  // namespace geminga::doors
