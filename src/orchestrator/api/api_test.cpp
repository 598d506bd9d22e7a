#include <future>
#include <set>

#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::World;

constexpr const char* kQuery = "/api/orchestrator/query";
constexpr const char* kJobs = "/api/orchestrator/jobs";

class ApiTest : public ::testing::Test {
 protected:
  World world_;
};

TEST_F(ApiTest, BadBodiesAreRefusedByNameAndLeaveNoRow) {
  world_.start();
  struct Case {
    std::string body;
    std::string named;
  };
  const Case cases[] = {
      {"{}", "query"},
      {R"({"query": ""})", "query"},
      {R"({"query": "   "})", "query"},
      {R"({"query": 7})", "query"},
      {R"({"query": null})", "query"},
      {R"({"query": "hey assistant"})", "query"},
      {R"({"query": "x", "contextSnapshot": "no object"})", "contextSnapshot"},
      {R"({"query": "x", "metadata": []})", "metadata"},
      {R"({"query": "x", "sessionId": 5})", "sessionId"},
      {R"({"query": "x", "sessionId": ""})", "sessionId"},
      {"[1, 2]", ""},
      {R"({"query": )", ""},
      {"\xff", ""},
      {std::string(100'000, '['), ""},
      {json{{"query", std::string(8 * 1024 + 1, 'x')}}.dump(), "8192"},
  };
  for (const auto& row : cases) {
    for (const auto* path : {kQuery, kJobs}) {
      const auto answer = world_.post(path, row.body);
      EXPECT_EQ(answer.status, 400) << row.body.substr(0, 80) << answer.body;
      EXPECT_THAT(answer.body.value("message", ""), HasSubstr(row.named)) << row.body.substr(0, 80);
      EXPECT_FALSE(answer.body.value("error", "").empty());
    }
  }
  EXPECT_THAT(world_.get(kJobs).body["jobs"], SizeIs(0));
  EXPECT_EQ(
      world_
          .post(kQuery, json{{"query", "x"}, {"contextSnapshot", {{"a", std::string(5 << 20, 'a')}}}}.dump())
          .status,
      413);
  EXPECT_THAT(world_.messages(TopicRole::user_requests), SizeIs(0));
}

TEST_F(ApiTest, TheSameIdempotencyKeyIsTheSameJob) {
  world_.start();
  const net::HttpHeaders key{{"Idempotency-Key", "order-17"}};
  std::vector<std::future<testing::Answer>> posts;
  posts.reserve(8);
  for (int i = 0; i < 8; ++i)
    posts.push_back(
        std::async(std::launch::async, [&] { return world_.post(kJobs, R"({"query": "echo once"})", key); }));
  std::set<std::string> ids;
  for (auto& post : posts) {
    const auto answer = post.get();
    EXPECT_EQ(answer.status, 202) << answer.body;
    ids.insert(answer.body.value("jobId", ""));
  }
  ASSERT_THAT(ids, SizeIs(1));
  world_.ended(*ids.begin());
  const auto query = world_.post(kQuery, R"({"query": "echo once"})", key);
  EXPECT_EQ(query.status, 200);
  EXPECT_EQ(query.body["result"]["content"][0]["text"], "once");
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
  EXPECT_EQ(world_.post(kJobs, R"({"query": "x"})", {{"Idempotency-Key", std::string(257, 'k')}}).status,
            400);
}

TEST_F(ApiTest, AQueryThatTakesTooLongIs504WithItsRequestId) {
  world_.options.settings.query_timeout = milliseconds{300};
  world_.registry.add_tool("work", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  world_.start();
  const auto answer = world_.query("run work");
  EXPECT_EQ(answer.status, 504);
  EXPECT_TRUE(base::is_uuid(answer.body.value("requestId", ""))) << answer.body;
}

TEST_F(ApiTest, AQueryWhoseJobIsCancelledIsToldSo) {
  world_.registry.add_tool("work", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  world_.start();
  auto waiting = std::async(std::launch::async, [&] { return world_.query("run work"); });
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  const std::string id = world_.get(kJobs).body["jobs"][0]["jobId"];
  EXPECT_EQ(world_.post(std::string(kJobs) + "/" + id + "/cancel", "").status, 200);
  EXPECT_EQ(waiting.get().status, 409);
}

TEST_F(ApiTest, APageOfJobsEndsWhereItIsLarge) {
  world_.registry.add_tool("work", [](std::size_t, const std::string&) {
    return testing::FakeRegistry::text(std::string(3U << 20U, 'x'));
  });
  world_.start();
  for (int i = 0; i < 4; ++i) world_.ended(world_.submit("run work"));
  const auto first = world_.get(kJobs).body;
  ASSERT_THAT(first["jobs"], SizeIs(3));
  ASSERT_TRUE(first.contains("next"));
  EXPECT_EQ(first["next"], first["jobs"][2]["jobId"]);
  const auto second = world_.get(std::string(kJobs) + "?after=" + first["next"].get<std::string>()).body;
  EXPECT_THAT(second["jobs"], SizeIs(1));
  EXPECT_FALSE(second.contains("next"));
}

TEST_F(ApiTest, ALongListOfJobsIsWhole) {
  constexpr std::size_t kAll = 45;
  world_.start();
  std::set<std::string> submitted;
  for (std::size_t i = 0; i < kAll; ++i) submitted.insert(world_.submit("echo something"));
  std::set<std::string> listed;
  const auto page = world_.get(std::string(kJobs) + "?limit=500").body;
  for (const auto& job : page["jobs"]) listed.insert(job["jobId"].get<std::string>());
  EXPECT_EQ(listed, submitted);
  EXPECT_THAT(page["jobs"], SizeIs(kAll));
  EXPECT_FALSE(page.contains("next"));
}

TEST_F(ApiTest, JobsAreListedByPageStatusAndSession) {
  world_.start();
  for (int i = 0; i < 3; ++i) {
    const auto body =
        json{{"query", "echo " + std::to_string(i)}, {"sessionId", "s" + std::to_string(i % 2)}};
    world_.ended(world_.post(kJobs, body.dump()).body["jobId"]);
  }
  const auto first = world_.get(std::string(kJobs) + "?limit=2").body;
  ASSERT_THAT(first["jobs"], SizeIs(2));
  const auto second =
      world_.get(std::string(kJobs) + "?limit=2&after=" + first["next"].get<std::string>()).body;
  EXPECT_THAT(second["jobs"], SizeIs(1));
  EXPECT_FALSE(second.contains("next"));
  EXPECT_THAT(world_.get(std::string(kJobs) + "?sessionId=s0&status=COMPLETED").body["jobs"], SizeIs(2));
  EXPECT_EQ(world_.get(std::string(kJobs) + "?status=DONE").status, 400);
  EXPECT_EQ(world_.get(std::string(kJobs) + "?limit=0").status, 400);
}

TEST_F(ApiTest, UnknownJobsAndLettersAre404) {
  world_.start();
  for (const auto* path : {"/api/orchestrator/jobs/none", "/api/orchestrator/jobs/none/events",
                           "/api/orchestrator/dlq/none", "/api/orchestrator/dlq/9:9:-1"})
    EXPECT_EQ(world_.get(path).status, 404) << path;
  EXPECT_EQ(world_.post("/api/orchestrator/jobs/none/cancel", "").status, 404);
  EXPECT_EQ(world_.post("/api/orchestrator/dlq/9:9:-1/replay", "").status, 404);
}

TEST_F(ApiTest, AStreamGoesOnBehindTheLastEventThatTheClientSaw) {
  world_.start();
  const auto id = world_.submit("echo streamed");
  world_.ended(id);
  const auto whole = world_.event_stream(id);
  const auto at = whole.find("id: ");
  ASSERT_NE(at, std::string::npos) << whole;
  const auto first = whole.substr(at + 4, whole.find('\n', at) - at - 4);
  const auto rest = world_.event_stream(id, first);
  EXPECT_THAT(rest, ::testing::Not(HasSubstr("PENDING")));
  EXPECT_THAT(rest, HasSubstr("COMPLETED"));
}

TEST_F(ApiTest, DeadLettersAreChosenAndDiscarded) {
  world_.options.settings.retry_delays = {milliseconds{1}};
  world_.registry.add_tool("work", [](std::size_t, const std::string&) {
    return testing::FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
  });
  world_.start();
  const auto failed = world_.ended(world_.submit("run work"));
  ASSERT_EQ(failed["status"], "FAILED");
  auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::user_requests)}).value();
  OutgoingMessage misfit;
  misfit.body = "no JSON";
  ASSERT_TRUE(producer.send(misfit));
  eventually("two dead letters", [&] { return world_.dead_letters().size() == 2; });

  const auto chosen = [&](const std::string& filter) {
    return world_.get("/api/orchestrator/dlq?" + filter).body["deadLetters"].size();
  };
  EXPECT_EQ(chosen("server=fake"), 1U);
  EXPECT_EQ(chosen("server=other"), 0U);
  EXPECT_EQ(chosen("tool=work&reason=broke"), 1U);
  EXPECT_EQ(chosen("tool=echo"), 0U);
  EXPECT_EQ(chosen("reason=JSON"), 1U);
  EXPECT_EQ(chosen("requestId=" + failed["requestId"].get<std::string>()), 1U);

  for (const auto& letter : world_.dead_letters()) {
    const std::string path = "/api/orchestrator/dlq/" + letter["id"].get<std::string>();
    EXPECT_EQ(world_.post(path + "/discard", "").status, 200);
    EXPECT_EQ(world_.post(path + "/discard", "").status, 200);
    EXPECT_EQ(world_.post(path + "/replay", "").status, 409);
    EXPECT_EQ(world_.get(path).status, 200) << "it can still be looked at";
  }
  EXPECT_THAT(world_.dead_letters(), SizeIs(0));
  EXPECT_THAT(world_.messages(TopicRole::dead_letters), SizeIs(2)) << "the topic keeps them";
  EXPECT_EQ(world_.post("/api/orchestrator/dlq/9:9:-1/discard", "").status, 404);
}

TEST_F(ApiTest, WhatHasEndedLongAgoIsPrunedAndWhatRunsIsNot) {
  world_.options.settings.job_retention = milliseconds{50};
  world_.options.prune_interval = milliseconds{20};
  world_.registry.add_tool("work", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  world_.start();
  const auto running = world_.submit("run work");
  const auto done = world_.submit("echo done");
  eventually("the ended job is gone",
             [&] { return world_.get(std::string(kJobs) + "/" + done).status == 404; });
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  EXPECT_EQ(world_.job(running)["status"], "PROCESSING");
}

TEST_F(ApiTest, MatchExplains) {
  world_.start();
  const auto explained = world_.get("/api/orchestrator/match?query=echo%20me");
  EXPECT_EQ(explained.status, 200);
  EXPECT_TRUE(explained.body.is_object());
  EXPECT_EQ(world_.get("/api/orchestrator/match").status, 400);
}

}  // namespace
}  // namespace geminga::orchestrator
