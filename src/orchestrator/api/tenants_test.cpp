// Whether tenants are apart: every route times every kind of role, and where their requests live.
#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using testing::World;

const std::string kJobs = "/api/orchestrator/jobs";
const std::string kDlq = "/api/orchestrator/dlq";
constexpr const char* kSecret = "sesame of b";  // stands in everything that is b's

class TenantTest : public ::testing::Test {
 protected:
  void SetUp() override {
    using auth::Permission;
    auth::AuthSettings settings;
    settings.superuser_roles = {"root"};
    settings.monitor_roles = {"watcher"};
    settings.service_roles = {"gateway"};
    const std::set<Permission> all{Permission::query, Permission::produce, Permission::consume,
                                   Permission::admin};
    settings.roles["a"] = {.tenant = "a", .permissions = all};
    settings.roles["a-other"] = {
        .tenant = "a", .permissions = {Permission::produce, Permission::consume, Permission::admin}};
    settings.roles["gateway"] = {.tenant = "a"};
    settings.roles["b"] = {.tenant = "b", .permissions = all};
    world_.with_roles(std::move(settings));
    world_.options.settings.retry_delays = {milliseconds{1}};
    world_.registry.add_tool("work", [](std::size_t, const std::string&) {
      return testing::FakeRegistry::failure(mcp::FailureClass::unknown, std::string("broke: ") + kSecret);
    });
    world_.registry.add_tool(
        "echo", [this](std::size_t, const std::string& arguments) -> std::optional<mcp::CallOutcome> {
          const auto text = json::parse(arguments).value("text", "");
          if (text.starts_with("hang") && hanging_) return std::nullopt;
          return testing::FakeRegistry::text(text);
        });
  }

  json submit(const std::string& role, json body, const std::string& key = {}) {
    auto headers = World::as(role);
    if (!key.empty()) headers.set("Idempotency-Key", key);
    const auto answer = world_.post(kJobs, body.dump(), std::move(headers));
    EXPECT_EQ(answer.status, 202) << role << answer.body;
    return answer.body;
  }
  json ask(const std::string& role, const std::string& sentence) {
    return submit(role, json{{"query", sentence}});
  }
  json job(const std::string& role, const json& submitted) {
    return world_.get(kJobs + "/" + submitted.value("jobId", ""), World::as(role)).body;
  }
  json ended(const std::string& role, const json& submitted) {
    json last;
    eventually("a job ends", [&] {
      last = job(role, submitted);
      const auto status = parse_job_status(last.value("status", ""));
      return status && terminal(*status);
    });
    return last;
  }
  json letters(const std::string& role) {
    return world_.get(kDlq, World::as(role)).body.value("deadLetters", json::array());
  }
  std::vector<Message> browse(const std::string& name_space, TopicRole role) {
    auto admin = world_.bus().admin();
    return admin.browse(world_.options.topics.of(role, name_space), std::nullopt, 1'000)
        .value_or(std::vector<Message>{});
  }

  std::atomic<bool> hanging_ = true;
  World world_;
};

struct Row {
  std::string need;
  std::string path;
  json body = nullptr;
  int foreign = 404;  ///< what tenant a gets for what is b's
};

TEST_F(TenantTest, NoRouteShowsATenantWhatIsAnothers) {
  world_.start();
  const auto done = submit("b", json{{"query", std::string("echo ") + kSecret}}, "the-key");
  EXPECT_EQ(ended("b", done)["status"], "COMPLETED");
  EXPECT_EQ(ended("b", ask("b", "run work"))["status"], "FAILED");
  eventually("b has a dead letter", [&] { return letters("b").size() == 1; });
  const std::string letter = letters("b")[0]["id"];
  const auto running = ask("b", std::string("echo hang ") + kSecret);
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  const std::string a_job = kJobs + "/" + done["jobId"].get<std::string>();
  const std::string a_running = kJobs + "/" + running["jobId"].get<std::string>();

  const json question{{"query", "echo own"}};
  const std::map<std::string, Row> rows{
      {"POST /api/orchestrator/query", {"query", "/api/orchestrator/query", question, 200}},
      {"GET /api/orchestrator/match", {"query", "/api/orchestrator/match?query=echo%20x", nullptr, 200}},
      {"POST /api/orchestrator/jobs", {"query", kJobs, question, 202}},
      {"GET /api/orchestrator/jobs", {"query", kJobs, nullptr, 200}},
      {"GET /api/orchestrator/jobs/{id}", {"query", a_job}},
      {"POST /api/orchestrator/jobs/{id}/cancel", {"query", a_running + "/cancel"}},
      {"GET /api/orchestrator/jobs/{id}/events", {"query", a_job + "/events"}},
      {"GET /api/orchestrator/dlq", {"query", kDlq, nullptr, 200}},
      {"GET /api/orchestrator/dlq/{id}", {"query", kDlq + "/" + letter}},
      {"POST /api/orchestrator/dlq/{id}/replay", {"query", kDlq + "/" + letter + "/replay"}},
      {"POST /api/orchestrator/dlq/{id}/discard", {"query", kDlq + "/" + letter + "/discard"}},
      {"GET /api/orchestrator/status", {"monitor", "/api/orchestrator/status", nullptr, 403}},
  };
  std::set<std::string> seen;
  std::string matrix;
  for (const net::Route* route : world_.router().routes()) {
    const std::string name = route->method + ' ' + route->pattern;
    SCOPED_TRACE(name);
    const auto found = rows.find(name);
    ASSERT_NE(found, rows.end()) << "a route without a row: say what it needs and what a stranger gets";
    seen.insert(name);
    const Row& row = found->second;
    EXPECT_EQ(to_string(route->need), row.need);
    const std::string body = row.body.is_null() ? "" : row.body.dump();
    const auto status = [&](const std::string& role) {
      return world_.send(route->method, row.path, body, World::as(role)).status;
    };
    EXPECT_EQ(status(""), 401);
    EXPECT_EQ(status("stranger"), 403);
    EXPECT_EQ(status("a-other"), 403);
    EXPECT_EQ(status("watcher"), row.need == "monitor" ? 200 : 403);
    const auto answer = world_.send(route->method, row.path, body, World::as("a"));
    EXPECT_EQ(answer.status, row.foreign) << answer.body;
    EXPECT_THAT(answer.body.dump(), Not(HasSubstr(kSecret)));
    EXPECT_THAT(answer.body.dump(), Not(HasSubstr(done["requestId"].get<std::string>())));
    matrix += fmt::format("{:<42} {:<8} none 401  stranger 403  without it 403  other tenant {}\n", name,
                          row.need, answer.status);
  }
  EXPECT_EQ(seen.size(), rows.size()) << "rows of routes that are no more";
  RecordProperty("matrix", matrix);
  fmt::print("{}", matrix);

  EXPECT_EQ(job("b", running)["status"], "PROCESSING") << "nobody has cancelled it";
  EXPECT_THAT(letters("b"), SizeIs(1)) << "nobody has discarded or replayed it";
  EXPECT_EQ(
      world_.get(kJobs + "?sessionId=none&after=" + done["jobId"].get<std::string>(), World::as("a")).status,
      404);
  EXPECT_EQ(world_.get(kJobs + "?after=" + done["jobId"].get<std::string>(), World::as("b")).status, 200);
  EXPECT_NE(submit("a", question, "the-key")["jobId"], done["jobId"]) << "b's key is b's";
  EXPECT_EQ(submit("b", question, "the-key")["jobId"], done["jobId"]);
  for (const auto* role : {"b", "root"}) EXPECT_EQ(world_.get(a_job, World::as(role)).status, 200) << role;
  EXPECT_EQ(world_.get(kDlq + "/" + letter, World::as("root")).status, 200);
  EXPECT_EQ(world_.post(a_running + "/cancel", "", World::as("b")).status, 200);
}

TEST_F(TenantTest, LettersOfAnotherFormAreNotThere) {
  world_.start();
  ask("b", "echo x");
  for (const auto* id :
       {"1:1:-1", "b~orchestrator~1:1:-1", "a~orchestrator~1:1:-1", "a~default~1:1:-1", "~~1:1:-1",
        "b~x~orchestrator~1:1:-1", "b~orchestrator~", "mcp-core~orchestrator~1:1:-1"}) {
    const auto answer = world_.get(kDlq + "/" + id, World::as("a"));
    EXPECT_EQ(answer.status, 404) << id;
    EXPECT_THAT(answer.body.value("message", ""), HasSubstr(id));
  }
}

TEST_F(TenantTest, ARequestLivesInTheNamespaceOfWhoAsks) {
  world_.start();
  ended("b", ask("b", "echo 1"));
  ended("a", submit("a", json{{"query", "echo 2"}, {"userId", "alice"}}));
  ended("a", submit("gateway", json{{"query", "echo 3"}, {"userId", "alice"}}));
  ended("a", submit("gateway", json{{"query", "echo 4"}, {"agentId", "bot/7"}}));
  ended("root", ask("root", "echo 5"));
  const auto texts = [&](const std::string& name_space) {
    std::vector<std::string> found;
    for (const auto& message : browse(name_space, TopicRole::user_requests))
      found.push_back(parse_user_request(message.body)->normalized_query);
    return found;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(texts("b/orchestrator"), ElementsAre("echo 1"));
  EXPECT_THAT(texts("a/orchestrator"), ElementsAre("echo 2")) << "whom it names does not count";
  EXPECT_THAT(texts("a/alice-orchestrator"), ElementsAre("echo 3"));
  EXPECT_THAT(texts("a/bot=2F7-execution"), ElementsAre("echo 4"));
  EXPECT_THAT(texts(""), ElementsAre("echo 5"));
  for (const auto* name_space : {"b/orchestrator", "a/alice-orchestrator"}) {
    EXPECT_THAT(browse(name_space, TopicRole::results), SizeIs(1)) << name_space;
    for (const auto& message : browse(name_space, TopicRole::executions)) {
      const auto record = parse_execution(message.body).value();
      EXPECT_EQ(record.role, std::string(name_space).starts_with("b") ? "b" : "gateway") << record.step;
    }
  }
  EXPECT_EQ(world_.post("/api/orchestrator/query", R"({"query": "echo", "userId": 7})", World::as("gateway"))
                .status,
            400);
  const auto status = world_.get("/api/orchestrator/status", World::as("watcher")).body;
  EXPECT_EQ(status["namespaces"],
            json::array({"a/alice-orchestrator", "a/bot=2F7-execution", "a/orchestrator", "b/orchestrator"}));
  EXPECT_THAT(status["authentication"].get<std::string>(), HasSubstr("token"));
}

TEST_F(TenantTest, PoliciesOfATenantAreSetAndCount) {
  Policies policies;
  policies.publish_messages_per_second = 1;
  world_.options.tenants["a"] = policies;
  world_.start();
  // They act within a second.
  eventually("one too many is refused", [&] {
    const auto answer = world_.post(kJobs, R"({"query": "echo x"})", World::as("a"));
    if (answer.status == 202) return false;
    EXPECT_EQ(answer.status, 429) << answer.body;
    EXPECT_TRUE(answer.headers.has("Retry-After"));
    return true;
  });
  EXPECT_EQ(world_.bus().admin().namespace_policies("a/orchestrator").value(), policies);
  for (int i = 0; i < 6; ++i) ask("b", "echo x");
}

TEST_F(TenantTest, WhatLiesInANamespaceGoesOnAfterARestart) {
  world_.start();
  const auto begun = ask("b", "echo hang on");
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  world_.stop();
  hanging_ = false;
  world_.start();
  EXPECT_EQ(ended("b", begun)["status"], "COMPLETED");
}

TEST_F(TenantTest, WhoDidWhatIsWrittenDown) {
  world_.start();
  const auto running = ask("b", "echo hang");
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  EXPECT_EQ(world_.post(kJobs + "/" + running["jobId"].get<std::string>() + "/cancel", "", World::as("root"))
                .status,
            200);
  eventually("the record is there", [&] {
    for (const auto& message : browse("", TopicRole::executions)) {
      const auto record = parse_execution(message.body);
      if (record && record->step == "cancel" && record->role == "root" &&
          record->request_id == running["requestId"])
        return true;
    }
    return false;
  });
}

TEST_F(TenantTest, WhoWasRefusedIsWrittenDown) {
  world_.start();
  const auto of_b = ended("b", ask("b", "echo x"));
  const auto path = kJobs + "/" + of_b["jobId"].get<std::string>();
  world_.get(path, World::as("a"));
  world_.get(path, World::as("a-other"));
  world_.get(path);
  world_.get(kDlq + "/b~orchestrator~1:1:-1", World::as("a"));
  const auto written = [&] {
    std::set<std::string> found;
    for (const auto& message : browse("", TopicRole::executions)) {
      const auto record = parse_execution(message.body);
      if (!record || record->step != "refused") continue;
      const auto call = record->error.value_or("");
      found.insert(record->role.value_or("nobody") + ' ' + call.substr(0, call.find(':')));
    }
    return found;
  };
  const std::set<std::string> expected{"a GET " + path, "a-other GET " + path, "nobody GET " + path,
                                       "a GET " + kDlq + "/b~orchestrator~1"};
  eventually("all four are there", [&] { return written() == expected; });
  for (int i = 0; i < 500; ++i) world_.get(path);
  ask("root", "echo x");
  EXPECT_LT(browse("", TopicRole::executions).size(), 400U) << "strangers cannot fill the disk";
}

TEST_F(TenantTest, ThereAreOnlySoManyNamespaces) {
  world_.options.settings.namespaces_max = 1;
  world_.start();
  ask("b", "echo x");
  const auto answer = world_.post(kJobs, R"({"query": "echo x"})", World::as("a"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body.value("message", ""), HasSubstr("namespaces_max"));
  ask("root", "echo x");
}

TEST_F(TenantTest, TheOrchestratorsOwnTenantIsNobodysRole) {
  world_.options.tenants["mcp-core"];
  auto bus = Bus::open("embedded:" + (world_.folder() / "bus").string()).value();
  world_.options.bus = bus;
  net::Router router;
  const auto started = Orchestrator::start(world_.options, router);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::config_error);
  world_.options.bus.reset();
  EXPECT_TRUE(bus.close());
}

}  // namespace
}  // namespace geminga::orchestrator
