// Several instances over one bus and one jobs store.
#include <thread>

#include <gmock/gmock.h>

#include "orchestrator/services/results.hpp"
#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using testing::await;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::World;

/// One more orchestrator over the bus and the file of a world, with servers and a front end of its own.
class Instance {
 public:
  explicit Instance(World& world) {
    registry.add_tool("echo", [](std::size_t, const std::string& arguments) {
      return FakeRegistry::text(json::parse(arguments).value("text", ""));
    });
    auto options = world.options;
    options.bus = world.bus();
    options.registry = &registry;
    options.instance = "second";
    net::Router router;
    orchestrator_ = Orchestrator::start(std::move(options), router).value();
    server_ = net::HttpServer::listen({}, std::move(router)).value();
    eventually("the second is ready", [&] { return orchestrator_->ready(); });
  }
  ~Instance() {
    orchestrator_->stop(std::chrono::seconds{2});
    server_->stop(std::chrono::milliseconds{500});
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] const std::string& endpoint() const { return server_->endpoint(); }
  FakeRegistry registry;

 private:
  std::unique_ptr<Orchestrator> orchestrator_;
  std::unique_ptr<net::HttpServer> server_;
};

class InstancesTest : public ::testing::Test {
 protected:
  static constexpr int kClients = 8;
  static constexpr int kEach = 25;

  InstancesTest() {
    world_.options.exclusive_store = false;
    world_.options.instance = "first";
    world_.options.settings.max_attempts = 10;
  }

  /// Each client asks the one and the other in turn, and compares each answer with its own question.
  void ask(int client, const std::string& other, std::vector<std::string>& wrong) {
    for (int i = 0; i < kEach; ++i) {
      const auto text = "answer " + std::to_string(client) + " of " + std::to_string(i);
      const auto& endpoint = (client + i) % 2 == 0 ? world_.endpoint() : other;
      const auto answer = world_.query_at(endpoint, "echo " + text);
      const auto content = answer.body.value(json::json_pointer("/result/content/0/text"), std::string());
      if (answer.status != 200 || content != text) wrong.push_back(text + ": " + answer.body.dump());
    }
  }

  /// Asks for "work" until the second has been called, and gives that request.
  std::string tried_at(Instance& second) {
    eventually("the second gets one", [&] {
      if (!second.registry.calls().empty()) return true;
      world_.submit("run work");
      return false;
    });
    return second.registry.calls().at(0).idempotency_key;
  }
  std::string job_of(const std::string& request) {
    const auto page = world_.get("/api/orchestrator/jobs?limit=500");
    for (const auto& job : page.body.value("jobs", json::array()))
      if (job["requestId"] == request) return job["jobId"];
    ADD_FAILURE() << "no job of " << request;
    return {};
  }

  World world_;
};

TEST_F(InstancesTest, EachWaitingQueryGetsItsOwnAnswer) {
  world_.start();
  Instance second(world_);
  std::vector<std::vector<std::string>> wrong(kClients);
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int client = 0; client < kClients; ++client)
    clients.emplace_back([&, client] { ask(client, second.endpoint(), wrong[client]); });
  for (auto& client : clients) client.join();
  for (const auto& of_one : wrong) EXPECT_THAT(of_one, IsEmpty());

  constexpr std::size_t kAll = kClients * kEach;
  const auto here = world_.registry.calls().size();
  const auto there = second.registry.calls().size();
  EXPECT_EQ(here + there, kAll) << "each tool is called once";
  EXPECT_GT(here, 0U) << "both coordinators work";
  EXPECT_GT(there, 0U) << "both coordinators work";
  // The answer comes before the bus has the result.
  eventually("a result of each is on the bus",
             [&] { return world_.messages(TopicRole::results).size() >= kAll; });
  EXPECT_THAT(world_.messages(TopicRole::results), SizeIs(kAll));
  EXPECT_THAT(world_.dead_letters(), IsEmpty());
  eventually("every job has ended, whoever has taken it", [&] {
    const auto page = world_.get("/api/orchestrator/jobs?limit=500&status=COMPLETED");
    return page.body.value("jobs", json::array()).size() == kAll;
  });
}

TEST_F(InstancesTest, WhatOneBeganTheOtherGoesOnWith) {
  world_.registry.add_tool("work",
                           [](std::size_t, const std::string&) { return FakeRegistry::text("here"); });
  world_.start();
  std::string request;
  {
    Instance second(world_);
    second.registry.add_tool("work", [](std::size_t, const std::string&) {
      return FakeRegistry::failure(mcp::FailureClass::unknown, "there");
    });
    request = tried_at(second);
  }
  const auto ended = world_.ended(job_of(request));
  EXPECT_EQ(ended["status"], "COMPLETED") << ended;
  EXPECT_EQ(ended["result"]["content"][0]["text"], "here");
  EXPECT_GE(ended["attempts"], 2);
}

TEST_F(InstancesTest, ACancelReachesTheCallOfTheOther) {
  world_.options.settings.lease = std::chrono::milliseconds{600};
  world_.registry.add_tool("work",
                           [](std::size_t, const std::string&) { return FakeRegistry::text("here"); });
  world_.start();
  Instance second(world_);
  second.registry.add_tool("work", [](std::size_t, const std::string&) { return std::nullopt; });  // it hangs
  const auto job = job_of(tried_at(second));
  ASSERT_EQ(world_.post("/api/orchestrator/jobs/" + job + "/cancel", "").status, 200);
  eventually("the tool hears of it", [&] { return second.registry.cancelled() == 1; });
  eventually("its end is a late one",
             [&] { return world_.event_stream(job).contains("event: LATE_RESULT"); });
  EXPECT_EQ(world_.job(job)["status"], "CANCELLED");
}

TEST_F(InstancesTest, WhoLosesItsClaimLeavesTheEndToTheOther) {
  world_.options.settings.lease = std::chrono::milliseconds{300};
  world_.registry.add_tool("work", [](std::size_t, const std::string&) { return std::nullopt; });  // it hangs
  world_.start();
  const auto job = world_.submit("run work");
  eventually("it is called", [&] { return world_.registry.hanging() == 1; });
  const auto store = open_sqlite_job_store({.file = world_.options.store_path}).value();
  TakeClaim take{.request_id = world_.job(job)["requestId"], .owner = "another"};
  take.lease = std::chrono::hours{1};
  TakenClaim theirs;
  eventually("its lease is over, and another has the claim", [&] {
    EXPECT_TRUE(
        await<std::uint64_t>([&](auto done) { store->expire_other_leases("another", "", std::move(done)); }));
    theirs = await<TakenClaim>([&](auto done) { store->take_claim(take, std::move(done)); }).value();
    return theirs.result == TakeResult::outcome_unknown;
  });
  eventually("the call is cancelled", [&] { return world_.registry.cancelled() == 1; });
  const ToolSignal signal{.request_id = take.request_id, .tool_id = "work", .server_id = "fake"};
  FinishClaim finish{.request_id = take.request_id, .token = theirs.token};
  finish.result_json =
      result_body(signal, answer_result(signal, {.content = R"([{"type":"text","text":"theirs"}])"},
                                        base::Clock::system().wall_now()))
          .json;
  ASSERT_TRUE(await<void>([&](auto done) { store->finish_claim(finish, std::move(done)); }));
  const auto ended = world_.ended(job);
  ASSERT_EQ(ended["status"], "COMPLETED") << ended;
  EXPECT_EQ(ended["result"]["content"][0]["text"], "theirs");
  store->stop();
}

}  // namespace
}  // namespace geminga::orchestrator
