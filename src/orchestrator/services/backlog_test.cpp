// More waits on the bus than a service may hold.
#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "base/metrics.hpp"
#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::Le;
using ::testing::SizeIs;
using testing::World;

class BacklogTest : public ::testing::Test {
 protected:
  BacklogTest() { world_.options.metrics = &metrics_; }

  /// A tool whose calls last until somebody answers them.
  void add_slow() {
    world_.registry.add_tool("work", [](std::size_t, const std::string&) { return std::nullopt; });
  }
  json service(const std::string& name) {
    const auto status = world_.get("/api/orchestrator/status").body;
    for (const auto& each : status["services"])
      if (each["name"] == name) return each;
    return {};
  }
  std::size_t completed() {
    return world_.get("/api/orchestrator/jobs?limit=500&status=COMPLETED").body["jobs"].size();
  }
  /// Answers what is called until so many jobs have ended; how many calls ran at once at the most.
  std::size_t answer_until(std::size_t jobs) {
    std::size_t most = 0;
    eventually(
        "every job has ended",
        [&] {
          most = std::max(most, world_.registry.hanging());
          world_.registry.answer_hanging("done");
          return completed() == jobs;
        },
        std::chrono::seconds{60});
    return most;
  }

  base::Metrics metrics_;  // of its own: counts of other tests must not show
  World world_;
};

TEST_F(BacklogTest, SignalsBeyondTheCallsThatMayRunWaitOnTheBus) {
  constexpr std::size_t kJobs = 60;
  world_.options.settings.calls_max = 3;
  add_slow();
  world_.start();
  for (std::size_t i = 0; i < kJobs; ++i) world_.submit("run work");
  eventually("every signal is there",
             [&] { return world_.messages(TopicRole::tool_signals).size() == kJobs; });
  eventually("as many are called as may be", [&] { return world_.registry.hanging() == 3; });
  EXPECT_EQ(service("coordinator")["inProgress"], 3);
  EXPECT_THAT(answer_until(kJobs), Le(3U));
  const auto coordinator = service("coordinator");
  EXPECT_EQ(coordinator["handedBack"], 0) << "nothing is turned away to come again";
  EXPECT_EQ(coordinator["received"], kJobs);
  EXPECT_THAT(world_.registry.calls(), SizeIs(kJobs));
}

TEST_F(BacklogTest, ItStopsWhileSignalsWaitAndGoesOnWithThemThen) {
  constexpr std::size_t kJobs = 20;
  world_.options.settings.calls_max = 2;
  add_slow();
  world_.start();
  std::set<std::string> jobs;
  for (std::size_t i = 0; i < kJobs; ++i) jobs.insert(world_.submit("run work"));
  eventually("as many are called as may be", [&] { return world_.registry.hanging() == 2; });
  const auto began = std::chrono::steady_clock::now();
  world_.stop(std::chrono::seconds{5});
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{10});
  world_.start();
  EXPECT_THAT(answer_until(kJobs), Le(2U));
}

TEST_F(BacklogTest, TheNamespacesOfTenantsShareTheCallsThatMayRun) {
  constexpr std::size_t kEach = 12;
  auth::AuthSettings settings;
  for (const auto* name : {"ann", "ben"})
    settings.roles[name] = {
        .tenant = name,
        .permissions = {auth::Permission::query, auth::Permission::produce, auth::Permission::consume}};
  world_.with_roles(std::move(settings));
  world_.options.settings.calls_max = 3;
  add_slow();
  world_.start();
  for (std::size_t i = 0; i < kEach; ++i)
    for (const auto* role : {"ann", "ben"})
      ASSERT_EQ(world_.post("/api/orchestrator/jobs", R"({"query":"run work"})", World::as(role)).status,
                202);
  std::size_t most = 0;
  eventually(
      "every call was made",
      [&] {
        most = std::max(most, world_.registry.hanging());
        world_.registry.answer_hanging("done");
        return world_.registry.calls().size() == 2 * kEach && world_.registry.hanging() == 0;
      },
      std::chrono::seconds{60});
  EXPECT_THAT(most, Le(3U));
}

TEST_F(BacklogTest, WhatWaitsForAServersRateIsNotCalledToFindOut) {
  constexpr std::size_t kJobs = 10;
  constexpr std::chrono::milliseconds kHeld{1'000};
  world_.options.settings.calls_max = 1;
  world_.registry.add_tool("work", [=](std::size_t number, const std::string&) -> mcp::CallOutcome {
    if (number > 0) return FakeRegistry::text("room");
    auto limited = FakeRegistry::failure(mcp::FailureClass::limited, "over max_per_second");
    limited.error().retry_after = kHeld;
    return limited;
  });
  world_.start();
  for (std::size_t i = 0; i < kJobs; ++i) world_.submit("run work");
  eventually("every job has ended", [&] { return completed() == kJobs; });
  const auto calls = world_.registry.calls();
  ASSERT_THAT(calls, SizeIs(kJobs + 1));
  EXPECT_GE(calls[1].at - calls[0].at, kHeld);
}

}  // namespace
}  // namespace geminga::orchestrator
