// GET /api/orchestrator/status, field by field.
#include <gmock/gmock.h>

#include "base/metrics.hpp"
#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::FakeRegistry;
using testing::World;

struct Row {
  const char* pointer;
  json expected;  ///< null: only its type is looked at
  json::value_t type = json::value_t::null;
};

/// After one query that "echo" has answered, one plan, and one query that failed. The services and topics
/// stand in their order.
std::vector<Row> rows(const World& world) {
  const auto topic = [&](TopicRole role) { return json(world.topic(role)); };
  return {
      {"/ready", true},
      {"/bus/url", nullptr, json::value_t::string},
      {"/store/id", nullptr, json::value_t::string},
      {"/store/url", "sqlite:" + (world.folder() / "jobs.sqlite").string()},
      {"/owner", nullptr, json::value_t::string},
      {"/authentication", nullptr, json::value_t::string},
      {"/retry", "native"},
      {"/services/0/name", "ingress"},
      {"/services/0/running", true},
      {"/services/0/accepted", 3},
      {"/services/1/name", "matcher"},
      {"/services/1/running", true},
      {"/services/1/topic", topic(TopicRole::user_requests)},
      {"/services/1/subscription", "mcp-matcher"},
      {"/services/1/received", 3},
      {"/services/1/done", 3},
      {"/services/1/handedBack", 0},
      {"/services/1/deadLettered", 0},
      {"/services/1/inProgress", 0},
      {"/services/2/name", "plan-fallback"},
      {"/services/2/subscription", "intent-scorer"},
      {"/services/3/name", "coordinator"},
      {"/services/3/topic", topic(TopicRole::tool_signals)},
      {"/services/3/subscription", "mcp-orchestrator-coordinator"},
      {"/services/3/done", 2},
      {"/services/4/name", "coordinator-plans"},
      {"/services/4/topic", topic(TopicRole::plans)},
      {"/services/4/done", 1},
      {"/services/5/name", "job-updater"},
      {"/services/5/topic", topic(TopicRole::results)},
      {"/services/5/subscription", "orchestrator-job-result-updater"},
      {"/services/5/done", 3},
      {"/services/6/name", "webhooks"},
      {"/services/6/running", false},  // it has no key
      {"/services/7/name", "result-consumer"},
      {"/services/7/running", true},
      {"/services/7/topic", topic(TopicRole::results)},
      {"/services/7/received", 3},
      {"/services/7/waitingQueries", 0},
      {"/callsInProgress", 0},
      {"/topics/0/role", "userRequests"},
      {"/topics/0/name", topic(TopicRole::user_requests)},
      {"/topics/0/messages", 3},
      {"/topics/0/bytes", nullptr, json::value_t::number_unsigned},
      {"/topics/0/subscriptions/0/name", nullptr, json::value_t::string},
      {"/topics/0/subscriptions/0/backlog", 0},
      {"/topics/0/subscriptions/0/unacked", 0},
      {"/topics/0/subscriptions/0/delayed", 0},
      {"/topics/0/subscriptions/0/consumers", 1},
      {"/jobs/PENDING", 0},
      {"/jobs/PROCESSING", 0},
      {"/jobs/COMPLETED", 2},
      {"/jobs/FAILED", 1},
      {"/jobs/CANCELLED", 0},
      {"/jobs/claimsRunning", 0},
      {"/jobs/claimsRetry", 0},
      {"/rules/file", (world.folder() / "rules.toml").string()},
      {"/rules/rules", 2},
      {"/rules/tools", 2},
      {"/rules/reloads", 0},
      {"/planner/model", nullptr, json::value_t::null},
      {"/planner/executePlans", false},
      {"/servers/0/name", "fake"},
      {"/servers/0/state", "starting"},
      {"/servers/0/tools", 2},
      {"/servers/0/transport", ""},
      {"/servers/0/inFlight", 0},
      {"/servers/0/queued", 0},
      {"/servers/0/restarts", 0},
      {"/servers/0/calls", 0},
      {"/servers/0/lateAnswers", 0},
      {"/servers/0/noiseLines", 0},
      {"/mcp/generation", nullptr, json::value_t::number_unsigned},
      {"/mcp/settled", true},
  };
}

TEST(StatusTest, EveryFieldSaysWhatIsSo) {
  base::Metrics metrics;  // of its own: those of the process count what other tests do
  World world;
  world.options.metrics = &metrics;
  world.registry.add_tool("work", [](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::final, "refused");
  });
  world.start();
  for (const char* sentence : {"echo hello", "Compose a symphony about quantum turtles", "run work"})
    world.ended(world.submit(sentence));
  json status;
  // The counts rise when the acknowledgements are through, a moment after the jobs have ended.
  eventually("everything is settled", [&] {
    status = world.get("/api/orchestrator/status").body;
    std::uint64_t done = 0;
    for (const auto& service : status["services"]) done += service.value("done", 0U);
    return done == 12 && status["services"][7]["received"] == 3 &&
           status["topics"][0]["subscriptions"][0]["backlog"] == 0;
  });
  for (const Row& row : rows(world)) {
    const json::json_pointer pointer{std::string(row.pointer)};
    ASSERT_TRUE(status.contains(pointer)) << row.pointer << " in " << status;
    if (row.expected.is_null())
      EXPECT_EQ(status[pointer].type(), row.type) << row.pointer;
    else
      EXPECT_EQ(status[pointer], row.expected) << row.pointer;
  }
  EXPECT_EQ(status["topics"].size(), kTopicRoleCount);
}

}  // namespace
}  // namespace geminga::orchestrator
