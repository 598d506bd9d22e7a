#include "orchestrator/services/retry_worker.hpp"

#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::World;

/// Retries that wait in the tier topics.
class RetryWorkerTest : public ::testing::Test {
 protected:
  RetryWorkerTest() { world_.options.settings.retry = RetryMode::topics; }

  /// A tool that fails `failures` times, then answers.
  void add_failing(std::size_t failures, milliseconds retry_after = milliseconds{0}) {
    world_.registry.add_tool("work", [=](std::size_t number, const std::string&) -> mcp::CallOutcome {
      if (number >= failures) return FakeRegistry::text("at last");
      auto failed = FakeRegistry::failure(mcp::FailureClass::not_executed, "refused");
      failed.error().retry_after = retry_after;
      return failed;
    });
  }
  bool waits(TopicRole tier) {
    auto admin = world_.bus().admin();
    const auto stats = admin.stats(world_.topic(tier)).value();
    return stats.subscriptions.at(0).backlog > 0;
  }

  World world_;
};

TEST_F(RetryWorkerTest, EachRetryWaitsInItsTierAndIsNeverEarly) {
  add_failing(2);
  world_.start();
  EXPECT_EQ(world_.get("/api/orchestrator/status").body["retry"], "topics");
  const auto id = world_.submit("run work");
  EXPECT_EQ(world_.ended(id)["attempts"], 3);
  const auto calls = world_.registry.calls();
  ASSERT_THAT(calls, SizeIs(3));
  EXPECT_GE(calls[1].at - calls[0].at, milliseconds{150});
  EXPECT_LT(calls[1].at - calls[0].at, milliseconds{1'150});
  EXPECT_GE(calls[2].at - calls[1].at, milliseconds{300});
  EXPECT_LT(calls[2].at - calls[1].at, milliseconds{1'300});
  EXPECT_EQ(calls[0].idempotency_key, calls[2].idempotency_key);
  for (const auto tier : {TopicRole::first_retry, TopicRole::later_retry}) {
    const auto kept = world_.messages(tier);
    ASSERT_THAT(kept, SizeIs(1)) << to_string(tier);
    EXPECT_TRUE(kept[0].properties.contains("dueAt"));
    EXPECT_FALSE(waits(tier)) << "sent on and acknowledged";
  }
  const auto signals = world_.messages(TopicRole::tool_signals);
  ASSERT_THAT(signals, SizeIs(3));
  EXPECT_EQ(signals[2].properties.at("attempt"), "2");
  EXPECT_EQ(signals[2].properties.at("requestId"), calls[0].idempotency_key);
  EXPECT_FALSE(signals[2].properties.contains("dueAt"));
  EXPECT_THAT(signals[2].body, HasSubstr("refused"));
}

TEST_F(RetryWorkerTest, OneThatWaitsLongHoldsUpNoOther) {
  world_.options.settings.retry_delays = {milliseconds{50}};
  add_failing(1, seconds{30});
  world_.start();
  const auto patient = world_.submit("run work");
  eventually("the first waits", [&] { return waits(TopicRole::first_retry); });
  world_.registry.add_tool("echo", [](std::size_t number, const std::string&) -> mcp::CallOutcome {
    if (number == 0) return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
    return FakeRegistry::text("passed by");
  });
  EXPECT_EQ(world_.ended(world_.submit("echo something"))["attempts"], 2);
  EXPECT_EQ(world_.job(patient)["status"], "PROCESSING");
}

TEST_F(RetryWorkerTest, ARestartDoesNotRestartTheWait) {
  world_.options.settings.retry_delays = {milliseconds{1'500}};
  add_failing(1);
  world_.start();
  const auto id = world_.submit("run work");
  eventually("the retry waits", [&] { return waits(TopicRole::first_retry); });
  world_.stop();
  world_.start();
  EXPECT_EQ(world_.ended(id)["status"], "COMPLETED");
  const auto calls = world_.registry.calls();
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_GE(calls[1].at - calls[0].at, milliseconds{1'500});
  EXPECT_LT(calls[1].at - calls[0].at, milliseconds{2'500});
}

TEST_F(RetryWorkerTest, WhatWaitsInATierIsSentOnAfterTheModeWasChanged) {
  world_.options.settings.retry_delays = {milliseconds{500}};
  add_failing(1);
  world_.start();
  const auto id = world_.submit("run work");
  eventually("the retry waits", [&] { return waits(TopicRole::first_retry); });
  world_.stop();
  world_.options.settings.retry = RetryMode::native;
  world_.start();
  EXPECT_EQ(world_.get("/api/orchestrator/status").body["retry"], "native");
  EXPECT_EQ(world_.ended(id)["status"], "COMPLETED");
}

TEST_F(RetryWorkerTest, ARetryThatDoesNotSayWhenItIsDueIsDeadLettered) {
  world_.start();
  auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::first_retry)}).value();
  OutgoingMessage message;
  message.body = "{}";
  for (const auto* due : {"", "soon", "12x"}) {
    message.properties = {{"requestId", "r"}, {"dueAt", due}};
    ASSERT_TRUE(producer.send(message));
  }
  eventually("three dead letters", [&] { return world_.dead_letters().size() == 3; });
  EXPECT_THAT(world_.dead_letters()[0]["reason"].get<std::string>(), HasSubstr("dueAt"));
  EXPECT_THAT(world_.messages(TopicRole::tool_signals), SizeIs(0));
}

}  // namespace
}  // namespace geminga::orchestrator
