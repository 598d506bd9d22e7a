#include <set>

#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::World;

class FlowTest : public ::testing::Test {
 protected:
  World world_;
};

TEST_F(FlowTest, ASentenceIsAnsweredByItsTool) {
  world_.start();
  const auto answer = world_.query("Hey assistant, echo hello over the bus");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body["success"], true);
  EXPECT_EQ(answer.body["status"], "tool");
  EXPECT_EQ(answer.body["tool"], "echo");
  EXPECT_EQ(answer.body["toolPath"], "fake/echo");
  EXPECT_EQ(answer.body["result"]["content"][0]["text"], "hello over the bus");
  const auto calls = world_.registry.calls();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].idempotency_key, answer.body["requestId"].get<std::string>());
  EXPECT_THAT(calls[0].traceparent, SizeIs(55));
}

TEST_F(FlowTest, EveryHopIsAMessageWithItsProperties) {
  world_.start();
  const auto answer = world_.query("echo properties");
  const std::string request = answer.body["requestId"];
  world_.ended(answer.body["jobId"]);
  for (const auto role : {TopicRole::user_requests, TopicRole::tool_signals, TopicRole::results}) {
    const auto messages = world_.messages(role);
    ASSERT_THAT(messages, SizeIs(1)) << to_string(role);
    EXPECT_EQ(messages[0].key, request);
    EXPECT_EQ(messages[0].properties.at("requestId"), request);
    EXPECT_EQ(messages[0].properties.at("traceparent"), world_.registry.calls()[0].traceparent);
    EXPECT_TRUE(messages[0].properties.contains("status"));
    EXPECT_TRUE(messages[0].properties.contains("storeId"));
  }
  std::set<std::string> steps;
  eventually("a record of every hop", [&] {
    for (const auto& message : world_.messages(TopicRole::executions))
      steps.insert(json::parse(message.body).value("step", ""));
    return steps.size() == 4;
  });
  EXPECT_EQ(steps, (std::set<std::string>{"ingress", "matcher", "coordinator", "job-updater"}));
}

TEST_F(FlowTest, AJobGoesThroughItsStatesOnce) {
  world_.start();
  const auto id = world_.submit("echo a job");
  const auto job = world_.ended(id);
  EXPECT_EQ(job["status"], "COMPLETED");
  EXPECT_EQ(job["attempts"], 1);
  EXPECT_EQ(job["result"]["content"][0]["text"], "a job");
  const auto stream = world_.event_stream(id);
  EXPECT_THAT(stream, HasSubstr("event: PENDING"));
  EXPECT_THAT(stream, HasSubstr("event: PROCESSING"));
  EXPECT_THAT(stream, HasSubstr("event: COMPLETED"));
}

TEST_F(FlowTest, WithoutAMatchTheAnswerIsAPlanThatSaysThatNoModelIsConfigured) {
  world_.start();
  const auto answer = world_.query("Compose a symphony about quantum turtles");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body["status"], "plan");
  EXPECT_THAT(answer.body["plan"].dump(), HasSubstr("model"));
  EXPECT_FALSE(answer.body.contains("result"));
  EXPECT_THAT(world_.registry.calls(), SizeIs(0));
  EXPECT_EQ(world_.ended(answer.body["jobId"])["status"], "COMPLETED");
}

TEST_F(FlowTest, AFinalErrorFailsAtOnceWithoutADeadLetter) {
  world_.registry.add_tool("work", [](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::final, "-32602: refused on principle");
  });
  world_.start();
  const auto answer = world_.query("run work");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body["message"], "-32602: refused on principle");
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
  EXPECT_THAT(world_.dead_letters(), SizeIs(0));
}

TEST_F(FlowTest, AToolErrorKeepsTheToolsOwnText) {
  world_.registry.add_tool(
      "work", [](std::size_t, const std::string&) { return FakeRegistry::text("the tool is sick", true); });
  world_.start();
  const auto answer = world_.query("run work");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body["message"], "the tool is sick");
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
}

TEST_F(FlowTest, RetriesComeAfterTheirDelaysAndNeverEarly) {
  world_.registry.add_tool("work", [](std::size_t number, const std::string&) {
    if (number < 2) return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
    return FakeRegistry::text("third time lucky");
  });
  world_.start();
  const auto answer = world_.query("run work");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto calls = world_.registry.calls();
  ASSERT_THAT(calls, SizeIs(3));
  EXPECT_GE(calls[1].at - calls[0].at, milliseconds{150});
  EXPECT_LT(calls[1].at - calls[0].at, milliseconds{1'150});
  EXPECT_GE(calls[2].at - calls[1].at, milliseconds{300});
  EXPECT_LT(calls[2].at - calls[1].at, milliseconds{1'300});
  EXPECT_EQ(calls[0].idempotency_key, calls[2].idempotency_key);
  EXPECT_EQ(world_.ended(answer.body["jobId"])["attempts"], 3);
  const auto signals = world_.messages(TopicRole::tool_signals);
  ASSERT_THAT(signals, SizeIs(3));
  EXPECT_EQ(signals[1].properties.at("attempt"), "1");
  EXPECT_EQ(json::parse(signals[2].body)["lastError"], "broke");
}

TEST_F(FlowTest, ExhaustedGoesToTheDeadLettersAndReplayCompletesIt) {
  std::atomic<bool> mended = false;
  world_.registry.add_tool("work", [&](std::size_t number, const std::string&) {
    if (mended) return FakeRegistry::text("mended");
    return FakeRegistry::failure(mcp::FailureClass::outcome_unknown, "died " + std::to_string(number));
  });
  world_.start();
  const auto id = world_.submit("run work");
  const auto failed = world_.ended(id);
  EXPECT_EQ(failed["status"], "FAILED");
  EXPECT_EQ(failed["attempts"], 3);
  auto letters = world_.dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0]["requestId"], failed["requestId"]);
  EXPECT_EQ(letters[0]["server"], "fake");
  EXPECT_EQ(letters[0]["tool"], "work");
  ASSERT_THAT(letters[0]["attempts"], SizeIs(3));
  EXPECT_EQ(letters[0]["attempts"][0]["error"], "died 0");
  EXPECT_EQ(letters[0]["event"]["toolId"], "work");
  const auto message = world_.messages(TopicRole::dead_letters).at(0);
  EXPECT_EQ(message.properties.at("dlq"), "true");
  const std::string path = "/api/orchestrator/dlq/" + letters[0]["id"].get<std::string>();
  EXPECT_EQ(world_.get(path).body, letters[0]);

  mended = true;
  const auto replayed = world_.post(path + "/replay", "");
  ASSERT_EQ(replayed.status, 202) << replayed.body;
  EXPECT_EQ(replayed.body["jobId"], id);
  EXPECT_EQ(replayed.body["generation"], 1);
  json job;
  eventually("the replayed job completes", [&] { return (job = world_.job(id))["status"] == "COMPLETED"; });
  EXPECT_EQ(job["result"]["content"][0]["text"], "mended");
  EXPECT_THAT(world_.dead_letters(), SizeIs(1));
  const auto again = world_.post(path + "/replay", "");
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(world_.registry.calls(), SizeIs(4));
}

TEST_F(FlowTest, ADiscardedLetterOfAGenerationBeforeIsNotReplayed) {
  world_.options.settings.max_attempts = 1;
  world_.registry.add_tool("work", [](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
  });
  world_.start();
  const auto id = world_.submit("run work");
  world_.ended(id);
  const auto letters = world_.dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  const std::string path = "/api/orchestrator/dlq/" + letters[0]["id"].get<std::string>();
  ASSERT_EQ(world_.post(path + "/replay", "").status, 202);
  eventually("it fails again", [&] { return world_.dead_letters().size() == 2; });
  EXPECT_EQ(world_.ended(id)["status"], "FAILED");
  ASSERT_EQ(world_.post(path + "/discard", "").status, 200);
  EXPECT_EQ(world_.post(path + "/replay", "").status, 409);
  EXPECT_THAT(world_.registry.calls(), SizeIs(2));
}

TEST_F(FlowTest, ADestructiveToolOfUnknownOutcomeIsNotCalledAgain) {
  mcp::ToolAnnotations destructive;
  destructive.destructive = true;
  world_.registry.add_tool(
      "work",
      [](std::size_t, const std::string&) {
        return FakeRegistry::failure(mcp::FailureClass::outcome_unknown, "the server died");
      },
      destructive);
  world_.start();
  const auto job = world_.ended(world_.submit("run work"));
  EXPECT_EQ(job["status"], "FAILED");
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
  ASSERT_THAT(world_.dead_letters(), SizeIs(1));
  EXPECT_THAT(world_.dead_letters()[0]["reason"].get<std::string>(), HasSubstr("outcome_unknown"));
}

TEST_F(FlowTest, ALimitHandsTheSignalBackAndSpendsNoAttempt) {
  world_.registry.add_tool("work", [](std::size_t number, const std::string&) {
    if (number < 5) return FakeRegistry::failure(mcp::FailureClass::limited, "no room");
    return FakeRegistry::text("room");
  });
  world_.start();
  const auto answer = world_.query("run work");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(world_.ended(answer.body["jobId"])["attempts"], 1);
  EXPECT_THAT(world_.messages(TopicRole::tool_signals), SizeIs(1));
}

TEST_F(FlowTest, CancelEndsTheCallAndTheJobStaysCancelled) {
  world_.registry.add_tool("work", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  world_.start();
  const auto id = world_.submit("run work");
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  const auto cancelled = world_.post("/api/orchestrator/jobs/" + id + "/cancel", "");
  EXPECT_EQ(cancelled.status, 200);
  EXPECT_EQ(cancelled.body, (json{{"jobId", id}, {"status", "CANCELLED"}}));
  eventually("the tool hears of it", [&] { return world_.registry.cancelled() == 1; });
  eventually("the late result is noted",
             [&] { return world_.event_stream(id).contains("event: LATE_RESULT"); });
  EXPECT_EQ(world_.job(id)["status"], "CANCELLED");
  EXPECT_EQ(world_.post("/api/orchestrator/jobs/" + id + "/cancel", "").status, 409);
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
}

TEST_F(FlowTest, AMisfitIsDeadLetteredWithItsReason) {
  world_.start();
  for (const auto role :
       {TopicRole::user_requests, TopicRole::tool_signals, TopicRole::plans, TopicRole::results}) {
    auto producer = world_.bus().create_producer({.topic = world_.topic(role)}).value();
    OutgoingMessage message;
    message.body = R"({"not": "an event"})";
    ASSERT_TRUE(producer.send(message));
  }
  eventually("four dead letters", [&] { return world_.messages(TopicRole::dead_letters).size() == 4; });
  for (const auto& letter : world_.dead_letters()) {
    EXPECT_THAT(letter["reason"].get<std::string>(), HasSubstr("requestId"));
    EXPECT_EQ(letter["event"], (json{{"not", "an event"}}));
    const auto replay =
        world_.post("/api/orchestrator/dlq/" + letter["id"].get<std::string>() + "/replay", "");
    EXPECT_EQ(replay.status, 409);
  }
  EXPECT_EQ(world_.query("echo still alive").status, 200);
}

TEST_F(FlowTest, ASentenceOverTheLimitIsDeadLetteredOnEveryWayIn) {
  world_.options.settings.query_bytes_max = 100;
  world_.start();
  auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::user_requests)}).value();
  const auto publish = [&](std::size_t bytes, const std::string& store = "") {
    UserRequest request;
    request.request_id = base::random_uuid();
    request.normalized_query = "echo " + std::string(bytes - 5, 'x');
    request.timestamp = base::Clock::system().wall_now();
    OutgoingMessage message;
    message.body = to_json(request);
    message.key = request.request_id;
    message.properties = {{"requestId", request.request_id}};
    if (!store.empty()) message.properties["storeId"] = store;
    ASSERT_TRUE(producer.send(message));
  };
  publish(101);
  publish(100);
  eventually("the one at the limit is called", [&] { return world_.registry.calls().size() == 1; });
  eventually("the one above it is a dead letter", [&] { return world_.dead_letters().size() == 1; });
  EXPECT_THAT(world_.dead_letters()[0]["reason"].get<std::string>(),
              HasSubstr("normalizedQuery has 101 bytes; 100 is the limit"));
  // What this store accepted before the limit was lowered is called all the same.
  const auto signals =
      world_.bus().admin().browse(world_.topic(TopicRole::tool_signals), std::nullopt, 1).value();
  publish(200, signals.at(0).properties.at("storeId"));
  eventually("the one that was accepted is called", [&] { return world_.registry.calls().size() == 2; });
  EXPECT_EQ(world_.dead_letters().size(), 1U);
  // Normalised it is longer than it was sent.
  std::string asks = "echo ";
  while (asks.size() + 6 <= 100) asks += "who's ";
  const auto refused = world_.query(asks);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body["message"].get<std::string>(), HasSubstr("100 is the limit"));
  EXPECT_THAT(world_.messages(TopicRole::plans), SizeIs(0));
}

TEST_F(FlowTest, ASignalOfAnotherStoreIsRefused) {
  world_.start();
  auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::tool_signals)}).value();
  ToolSignal signal;
  signal.request_id = base::random_uuid();
  signal.server_id = "fake";
  signal.tool_id = "echo";
  signal.confidence = 1;
  OutgoingMessage message;
  message.body = to_json(signal);
  message.properties = {{"storeId", base::random_uuid()}, {"requestId", signal.request_id}};
  ASSERT_TRUE(producer.send(message));
  eventually("a dead letter", [&] { return world_.messages(TopicRole::dead_letters).size() == 1; });
  EXPECT_THAT(world_.registry.calls(), SizeIs(0));
}

TEST_F(FlowTest, ASignalThatComesTwiceIsCalledOnceAndEveryResultHasTheSameBytes) {
  world_.start();
  const auto answer = world_.query("echo twice");
  ASSERT_EQ(answer.status, 200);
  world_.ended(answer.body["jobId"]);
  const auto signal = world_.messages(TopicRole::tool_signals).at(0);
  auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::tool_signals)}).value();
  OutgoingMessage again;
  again.body = signal.body;
  again.key = signal.key;
  again.properties = signal.properties;
  ASSERT_TRUE(producer.send(again));
  eventually("the result comes again", [&] { return world_.messages(TopicRole::results).size() == 2; });
  const auto results = world_.messages(TopicRole::results);
  EXPECT_EQ(results[0].body, results[1].body);
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
  EXPECT_EQ(world_.job(answer.body["jobId"])["status"], "COMPLETED");
}

TEST_F(FlowTest, ToolsAndRulesReloadWhileItRuns) {
  world_.start();
  world_.registry.add_tool(
      "list_harbour_cranes",
      [](std::size_t, const std::string&) { return FakeRegistry::text("crane 1, crane 2"); }, {},
      "List the cranes of the harbour");
  eventually("the new tool answers", [&] {
    return world_.query("list the cranes of the harbour").body.value("status", "") == "tool";
  });
  world_.set_rules("[[rule]\nbroken");
  eventually("status tells of the broken file",
             [&] { return world_.get("/api/orchestrator/status").body["rules"].contains("error"); });
  EXPECT_EQ(world_.query("echo old rules stay").status, 200);
  world_.set_rules(
      "[[rule]]\npattern = '^shout (?P<text>.+)$'\ntool = \"echo\"\nserver = \"fake\"\nconfidence = "
      "0.9\n[rule.params]\ntext = \"${text}!\"\n");
  eventually("the new rules stand",
             [&] { return !world_.get("/api/orchestrator/status").body["rules"].contains("error"); });
  EXPECT_EQ(world_.query("shout now").body["result"]["content"][0]["text"], "now!");
}

TEST_F(FlowTest, NothingIsAcceptedBeforeTheRegistryHasSettled) {
  world_.registry.set_settled(false);
  world_.start(false);
  const auto refused = world_.query("echo too early");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.headers.has("Retry-After"));
  EXPECT_THAT(world_.get("/api/orchestrator/jobs").body["jobs"], SizeIs(0));
  world_.registry.set_settled(true);
  eventually("ready", [&] { return world_.orchestrator().ready(); });
  EXPECT_EQ(world_.query("echo in time").status, 200);
}

TEST_F(FlowTest, StatusNamesEveryServiceTopicAndServer) {
  world_.start();
  const auto status = world_.get("/api/orchestrator/status").body;
  EXPECT_EQ(status["ready"], true);
  EXPECT_TRUE(base::is_uuid(status["store"]["id"].get<std::string>()));
  std::set<std::string> services;
  for (const auto& service : status["services"]) services.insert(service["name"].get<std::string>());
  EXPECT_EQ(services,
            (std::set<std::string>{"ingress", "matcher", "plan-fallback", "coordinator", "coordinator-plans",
                                   "job-updater", "webhooks", "result-consumer"}));
  EXPECT_THAT(status["topics"], SizeIs(kTopicRoleCount));
  EXPECT_EQ(status["servers"][0]["name"], "fake");
  EXPECT_EQ(status["rules"]["rules"], 2);
}

}  // namespace
}  // namespace geminga::orchestrator
