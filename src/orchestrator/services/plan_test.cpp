// Plans by a model, and their steps.
#include <gmock/gmock.h>

#include "base/metrics.hpp"
#include "orchestrator/planner/chat_server.hpp"
#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::await;
using testing::ChatServer;
using ::testing::ElementsAre;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::World;

constexpr const char* kSentence = "Compose a symphony about quantum turtles";

json step(const std::string& tool, const json& params = json::object()) {
  return {{"description", "does " + tool}, {"serverId", "fake"}, {"toolId", tool}, {"params", params}};
}

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    world_.options.planner.url = model_.url();
    world_.options.planner.model = "small";
    world_.options.settings.execute_plans = true;
    for (const char* name : {"first", "second"})
      world_.registry.add_tool(name,
                               [name](std::size_t, const std::string&) { return FakeRegistry::text(name); });
  }

  void model_says(const std::vector<json>& steps) {
    model_.reply(ChatServer::says(json{{"plan", steps}, {"confidence", 0.8}}.dump()));
  }

  std::vector<std::string> called() {
    std::vector<std::string> names;
    for (const auto& call : world_.registry.calls()) names.push_back(call.tool);
    return names;
  }

  void publish(TopicRole role, const std::string& body) {
    auto producer = world_.bus().create_producer({.topic = world_.topic(role)}).value();
    OutgoingMessage message;
    message.body = body;
    ASSERT_TRUE(producer.send(message));
  }

  ResultEvent result_of(const std::string& request_id) {
    ResultEvent result;
    eventually("a result", [&] {
      for (const auto& message : world_.messages(TopicRole::results))
        if (auto event = parse_result(message.body); event && event->request_id == request_id) {
          result = *event;
          return true;
        }
      return false;
    });
    return result;
  }

  ChatServer model_;
  World world_;
};

TEST_F(PlanTest, WithoutExecutePlansAPlanIsAnAnswer) {
  world_.options.settings.execute_plans = false;
  model_says({step("first"), {{"description", "think"}}});
  world_.start();
  const auto answer = world_.query(kSentence);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body["status"], "plan");
  EXPECT_EQ(answer.body["plan"][0]["toolId"], "first");
  EXPECT_EQ(answer.body["plan"][1]["description"], "think");
  EXPECT_FALSE(answer.body.contains("result"));
  EXPECT_THAT(called(), SizeIs(0));
  const auto seen = model_.seen();
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_THAT(seen[0].body["messages"][1]["content"].get<std::string>(), HasSubstr("quantum turtles"));
  const auto status = world_.get("/api/orchestrator/status").body["planner"];
  EXPECT_THAT(status["model"].get<std::string>(), HasSubstr("small at http://127.0.0.1"));
  EXPECT_EQ(status["executePlans"], false);
}

TEST_F(PlanTest, WhereTheModelFailsTheAnswerSaysSo) {
  model_.reply(ChatServer::status(401, "wrong key"));
  world_.start();
  const auto answer = world_.query(kSentence);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body["status"], "plan");
  EXPECT_THAT(answer.body["plan"][0]["description"].get<std::string>(),
              HasSubstr("gave no plan, so nothing was executed"));
  EXPECT_THAT(world_.messages(TopicRole::plans).at(0).body, HasSubstr("wrong key"));
  EXPECT_THAT(called(), SizeIs(0));
}

TEST_F(PlanTest, StepsAreCalledInTheirOrderAndTheirContentsAreTheResult) {
  base::Metrics metrics;
  world_.options.metrics = &metrics;
  model_says({step("second"), {{"description", "think"}}, step("first")});
  world_.start();
  const auto answer = world_.query(kSentence);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body["status"], "plan");
  EXPECT_THAT(called(), ElementsAre("second", "first"));
  EXPECT_EQ(answer.body["result"]["content"][0]["text"], "second");
  EXPECT_EQ(answer.body["result"]["content"][1]["text"], "first");
  const std::string request = answer.body["requestId"];
  EXPECT_EQ(world_.registry.calls()[0].idempotency_key, request + "/1");
  EXPECT_EQ(world_.registry.calls()[1].idempotency_key, request + "/3");
  EXPECT_EQ(world_.ended(answer.body["jobId"])["status"], "COMPLETED");
  eventually("a record of each step", [&] {
    std::size_t steps = 0;
    for (const auto& message : world_.messages(TopicRole::executions)) {
      const auto record = json::parse(message.body);
      steps += record["step"] == "1" || record["step"] == "3" ? 1U : 0U;
    }
    return steps == 2;
  });
  for (const char* tool : {"first", "second"})
    EXPECT_THAT(
        metrics.exposition(),
        HasSubstr(std::string(R"(geminga_orchestrator_calls_total{outcome="ok",server="fake",tool=")") +
                  tool + "\"} 1"));
  world_.stop();
}

TEST_F(PlanTest, ASecondCopyOfAPlanCallsNothingAndGivesTheSameBytes) {
  model_says({step("first")});
  world_.start();
  world_.ended(world_.submit(kSentence));
  const auto plan = world_.messages(TopicRole::plans).at(0);
  auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::plans)}).value();
  OutgoingMessage again;
  again.body = plan.body;
  again.properties = plan.properties;
  ASSERT_TRUE(producer.send(again));
  eventually("the result comes again", [&] { return world_.messages(TopicRole::results).size() == 2; });
  const auto results = world_.messages(TopicRole::results);
  EXPECT_EQ(results[0].body, results[1].body);
  EXPECT_THAT(called(), SizeIs(1));
}

TEST_F(PlanTest, AStepIsRetriedAfterItsDelayAndWhatIsDoneStaysDone) {
  world_.registry.add_tool("second", [](std::size_t number, const std::string&) {
    if (number < 2) return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
    return FakeRegistry::text("third time lucky");
  });
  model_says({step("first"), step("second")});
  world_.start();
  const auto answer = world_.query(kSentence);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(called(), ElementsAre("first", "second", "second", "second"));
  const auto calls = world_.registry.calls();
  EXPECT_GE(calls[2].at - calls[1].at, milliseconds{150});
  EXPECT_GE(calls[3].at - calls[2].at, milliseconds{300});
  EXPECT_LT(calls[3].at - calls[2].at, milliseconds{1'300});
  EXPECT_EQ(calls[1].idempotency_key, calls[3].idempotency_key);
}

TEST_F(PlanTest, ExhaustedGoesToTheDeadLettersAndAReplayGoesOnWhereItFailed) {
  std::atomic<bool> mended = false;
  world_.registry.add_tool("second", [&](std::size_t, const std::string&) {
    if (mended) return FakeRegistry::text("mended");
    return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
  });
  model_says({step("first"), step("second")});
  world_.start();
  const auto id = world_.submit(kSentence);
  const auto failed = world_.ended(id);
  EXPECT_EQ(failed["status"], "FAILED");
  EXPECT_THAT(failed["error"].get<std::string>(), HasSubstr("step 2 (second on fake): broke"));
  EXPECT_THAT(called(), ElementsAre("first", "second", "second", "second"));
  const auto letters = world_.dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0]["tool"], "second");
  EXPECT_THAT(letters[0]["attempts"], SizeIs(3));
  mended = true;
  const auto replayed =
      world_.post("/api/orchestrator/dlq/" + letters[0]["id"].get<std::string>() + "/replay", "");
  ASSERT_EQ(replayed.status, 202) << replayed.body;
  json job;
  eventually("the replayed plan completes", [&] { return (job = world_.job(id))["status"] == "COMPLETED"; });
  EXPECT_THAT(called(), ElementsAre("first", "second", "second", "second", "second"));
}

TEST_F(PlanTest, AStartAgainGoesOnWhereTheLastOneStopped) {
  std::atomic<bool> hangs = true;
  mcp::ToolAnnotations read_only;
  read_only.read_only = true;
  world_.registry.add_tool(
      "second",
      [&](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
        if (hangs) return std::nullopt;
        return FakeRegistry::text("second");
      },
      read_only);
  model_says({step("first"), step("second")});
  world_.start();
  const auto id = world_.submit(kSentence);
  eventually("the second step runs", [&] { return world_.registry.hanging() == 1; });
  world_.stop(milliseconds{500});
  hangs = false;
  world_.start();
  EXPECT_EQ(world_.ended(id)["status"], "COMPLETED");
  EXPECT_THAT(called(), ElementsAre("first", "second", "second"));
}

TEST_F(PlanTest, CancelEndsTheStepAndThePlan) {
  world_.registry.add_tool("first", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  model_says({step("first"), step("second")});
  world_.start();
  const auto id = world_.submit(kSentence);
  eventually("the first step runs", [&] { return world_.registry.hanging() == 1; });
  EXPECT_EQ(world_.post("/api/orchestrator/jobs/" + id + "/cancel", "").status, 200);
  eventually("the tool hears of it", [&] { return world_.registry.cancelled() == 1; });
  eventually("the late result is noted", [&] { return world_.messages(TopicRole::results).size() == 1; });
  EXPECT_EQ(world_.job(id)["status"], "CANCELLED");
  EXPECT_THAT(called(), ElementsAre("first"));
}

TEST_F(PlanTest, ACancelThatOnlyTheStoreKnowsEndsThePlanAtItsNextStep) {
  world_.options.exclusive_store = false;
  world_.registry.add_tool("first", [&](std::size_t, const std::string&) {
    // As another instance would: this one hears nothing of it.
    const auto store = open_sqlite_job_store({.file = world_.options.store_path}).value();
    const auto jobs = await<std::vector<Job>>([&](auto done) { store->list_jobs({}, std::move(done)); });
    const auto only = jobs.value().at(0).id;
    EXPECT_TRUE(await<Job>([&](auto done) { store->cancel_job(only, std::move(done)); }));
    store->stop();
    return FakeRegistry::text("first");
  });
  model_says({step("first"), step("second")});
  world_.start();
  const auto id = world_.submit(kSentence);
  EXPECT_THAT(world_.event_stream(id), HasSubstr("CANCELLED"));
  eventually("no claim is left open",
             [&] { return world_.get("/api/orchestrator/status").body["jobs"]["claimsRunning"] == 0; });
  EXPECT_EQ(world_.job(id)["status"], "CANCELLED");
  EXPECT_THAT(called(), ElementsAre("first"));
}

TEST_F(PlanTest, WhatTheSchemaOfTodayRefusesFailsAtOnceWithoutACall) {
  world_.registry.add_tool(
      "strict", [](std::size_t, const std::string&) { return FakeRegistry::text("called"); }, {}, "Strict",
      R"({"type":"object","properties":{"n":{"type":"integer","maximum":3}},"required":["n","m"]})");
  world_.start();
  Plan plan;
  plan.request_id = base::random_uuid();
  plan.requires_orchestration = true;
  plan.plan = {
      {.step_id = "1", .description = "d", .tool_id = "strict", .server_id = "fake", .params = R"({"n":4})"}};
  publish(TopicRole::plans, to_json(plan));
  const auto planned = result_of(plan.request_id);
  EXPECT_EQ(planned.status, ResultStatus::failed);
  EXPECT_THAT(planned.error.value_or(""), HasSubstr("step 1 (strict on fake): schema error"));
  EXPECT_THAT(planned.error.value_or(""), HasSubstr("m is missing"));
  ToolSignal signal;
  signal.request_id = base::random_uuid();
  signal.server_id = "fake";
  signal.tool_id = "strict";
  signal.params = R"({"n":4,"m":1})";
  signal.confidence = 1;
  publish(TopicRole::tool_signals, to_json(signal));
  const auto signalled = result_of(signal.request_id);
  EXPECT_EQ(signalled.status, ResultStatus::failed);
  EXPECT_THAT(signalled.error.value_or(""), HasSubstr("n: found the number 4, expected at most 3"));
  EXPECT_THAT(called(), SizeIs(0));
  EXPECT_THAT(world_.dead_letters(), SizeIs(0));
}

TEST_F(PlanTest, APlanWithoutAModelIsNeverExecuted) {
  world_.options.planner.url.clear();
  world_.registry.add_tool(
      "count_cranes", [](std::size_t, const std::string&) { return FakeRegistry::text("3"); }, {},
      "Counts the cranes of a harbour",
      R"({"type":"object","properties":{"harbour":{"type":"string"}},"required":["harbour"]})");
  world_.start();
  const auto answer = world_.query("count the cranes of a harbour");
  EXPECT_EQ(answer.body["status"], "plan");
  EXPECT_THAT(answer.body["plan"].dump(), HasSubstr("it needs harbour"));
  EXPECT_THAT(called(), SizeIs(0));
  EXPECT_EQ(world_.get("/api/orchestrator/status").body["planner"]["model"], nullptr);
}

}  // namespace
}  // namespace geminga::orchestrator
