// What is too much for the flow ends in order.
#include <future>

#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::World;

class LimitsTest : public ::testing::Test {
 protected:
  World world_;
};

TEST_F(LimitsTest, AToolThatSaysMuchOfItsErrorIsRetriedLikeAnother) {
  const std::string much(8U << 20U, '\x01');  // as JSON six times as long
  world_.registry.add_tool("work", [&](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::unknown, much);
  });
  world_.start();
  const auto job = world_.ended(world_.submit("run work"));
  EXPECT_EQ(job["status"], "FAILED");
  EXPECT_THAT(job["error"].get<std::string>(), HasSubstr("8388608 bytes, cut here"));
  EXPECT_THAT(world_.registry.calls(), SizeIs(3));
  EXPECT_THAT(world_.dead_letters(), SizeIs(1));
}

TEST_F(LimitsTest, AnErrorIsCutBetweenCharacters) {
  std::string umlauts = "x";  // so that the limit falls into one
  while (umlauts.size() < (100U << 10U)) umlauts += "\u00e4";
  world_.registry.add_tool("work", [&](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::final, umlauts);
  });
  world_.start();
  const auto error = world_.ended(world_.submit("run work"))["error"].get<std::string>();
  EXPECT_THAT(error, HasSubstr("\u00e4... (102401 bytes, cut here)"));
}

TEST_F(LimitsTest, AQueryThatNobodyCouldWaitForIsNotBegun) {
  world_.options.settings.waiting_queries_max = 1;
  world_.registry.add_tool("work", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  world_.start();
  auto first = std::async(std::launch::async, [&] { return world_.query_at(world_.endpoint(), "run work"); });
  eventually("the first one is called", [&] { return world_.registry.hanging() == 1; });
  const auto second = world_.query("echo too many");
  EXPECT_EQ(second.status, 503);
  EXPECT_THAT(second.body.dump(), HasSubstr("waiting_queries_max"));
  EXPECT_THAT(world_.get("/api/orchestrator/jobs").body["jobs"], SizeIs(1));
  EXPECT_THAT(world_.messages(TopicRole::user_requests), SizeIs(1));
  const auto id = world_.get("/api/orchestrator/jobs").body["jobs"][0]["jobId"].get<std::string>();
  EXPECT_EQ(world_.post("/api/orchestrator/jobs/" + id + "/cancel", "").status, 200);
  EXPECT_EQ(first.get().status, 409);
  EXPECT_EQ(world_.query("echo room again").status, 200);
}

}  // namespace
}  // namespace geminga::orchestrator
