#include <future>

#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::await;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::World;

/// What the next start finds, after a stop at each point that a kill can hit. The rows and messages of the
/// cut-off start are made by hand on the stopped store and bus.
class RecoveryTest : public ::testing::Test {
 protected:
  /// Runs `work` on the store while nothing else does.
  void with_store(const std::function<void(JobStore&)>& work) {
    auto store = open_sqlite_job_store({.file = world_.options.store_path});
    ASSERT_TRUE(store) << store.error().message;
    work(**store);
    (*store)->stop();
  }

  ToolSignal signal(const std::string& request, const std::string& tool = "echo") {
    ToolSignal signal;
    signal.request_id = request;
    signal.server_id = "fake";
    signal.tool_id = tool;
    signal.params = R"({"text":"recovered"})";
    signal.confidence = 0.9;
    signal.timestamp = base::Clock::system().wall_now();
    return signal;
  }

  void publish(const ToolSignal& signal) {
    auto bus = Bus::open("embedded:" + (world_.folder() / "bus").string()).value();
    auto producer = bus.create_producer({.topic = world_.topic(TopicRole::tool_signals)}).value();
    OutgoingMessage message;
    message.body = to_json(signal);
    message.key = signal.request_id;
    message.properties = {{"requestId", signal.request_id}};
    ASSERT_TRUE(producer.send(message));
    ASSERT_TRUE(producer.close());
    ASSERT_TRUE(bus.close());
  }

  static void insert(JobStore& store, const std::string& request, bool published) {
    ASSERT_TRUE(
        await<InsertedJob>([&](auto done) { store.insert_job(testing::new_job(request), std::move(done)); }));
    if (!published) return;
    ASSERT_TRUE(await<bool>([&](auto done) { store.mark_published("job-" + request, 0, std::move(done)); }));
  }

  static TakenClaim take(JobStore& store, const std::string& request) {
    TakeClaim take;
    take.request_id = request;
    take.owner = "a start before";
    take.lease = std::chrono::hours{1};
    return await<TakenClaim>([&](auto done) { store.take_claim(take, std::move(done)); }).value();
  }

  /// A first start makes topics and store.
  void prepare() {
    world_.start();
    world_.stop();
  }

  World world_;
  const std::string request_ = base::random_uuid();
};

TEST_F(RecoveryTest, ARowThatNeverReachedTheBusIsPublished) {
  prepare();
  world_.options.publish_sweep = milliseconds{300};
  with_store([&](JobStore& store) {
    auto job = testing::new_job(request_);
    UserRequest request;
    request.request_id = request_;
    request.normalized_query = "echo swept";
    request.timestamp = base::Clock::system().wall_now();
    job.outbox.topic = world_.topic(TopicRole::user_requests);
    job.outbox.body = to_json(request);
    ASSERT_TRUE(await<InsertedJob>([&](auto done) { store.insert_job(job, std::move(done)); }));
  });
  world_.start();
  EXPECT_EQ(world_.ended("job-" + request_)["result"]["content"][0]["text"], "swept");
}

TEST_F(RecoveryTest, TakenBeforeTheKillIsOutcomeUnknownAndRetried) {
  prepare();
  with_store([&](JobStore& store) {
    insert(store, request_, true);
    ASSERT_EQ(take(store, request_).result, TakeResult::taken);
  });
  publish(signal(request_));
  world_.start();
  const auto job = world_.ended("job-" + request_);
  EXPECT_EQ(job["status"], "COMPLETED");
  EXPECT_EQ(job["attempts"], 2);
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
}

TEST_F(RecoveryTest, TakenBeforeTheKillIsADeadLetterWhereTheToolDestroys) {
  mcp::ToolAnnotations destructive;
  destructive.destructive = true;
  world_.registry.add_tool(
      "destroy", [](std::size_t, const std::string&) { return FakeRegistry::text("gone"); }, destructive);
  prepare();
  with_store([&](JobStore& store) {
    insert(store, request_, true);
    ASSERT_EQ(take(store, request_).result, TakeResult::taken);
  });
  publish(signal(request_, "destroy"));
  world_.start();
  const auto job = world_.ended("job-" + request_);
  EXPECT_EQ(job["status"], "FAILED");
  EXPECT_THAT(job["error"].get<std::string>(), HasSubstr("outcome_unknown"));
  EXPECT_THAT(world_.dead_letters(), SizeIs(1));
  EXPECT_THAT(world_.registry.calls(), SizeIs(0));
}

TEST_F(RecoveryTest, EndedBeforeTheKillIsPublishedFromItsRow) {
  prepare();
  const auto result = to_json([&] {
    ResultEvent event;
    event.request_id = request_;
    event.status = ResultStatus::failed;
    event.error = "written before the kill";
    event.timestamp = base::Clock::system().wall_now();
    return event;
  }());
  with_store([&](JobStore& store) {
    insert(store, request_, true);
    const auto mine = take(store, request_);
    FinishClaim finish;
    finish.request_id = request_;
    finish.token = mine.token;
    finish.result_json = result;
    finish.dead_letter_json = to_json([&] {
      DeadLetter letter;
      letter.request_id = request_;
      letter.reason = "died three times";
      letter.topic = "tool-signals";
      letter.event = to_json(signal(request_));
      letter.timestamp = base::Clock::system().wall_now();
      return letter;
    }());
    ASSERT_TRUE(await<void>([&](auto done) { store.finish_claim(finish, std::move(done)); }));
  });
  publish(signal(request_));
  world_.start();
  EXPECT_EQ(world_.ended("job-" + request_)["error"], "written before the kill");
  EXPECT_EQ(world_.messages(TopicRole::results).at(0).body, result);
  EXPECT_THAT(world_.dead_letters(), SizeIs(1));
  EXPECT_THAT(world_.registry.calls(), SizeIs(0));
}

TEST_F(RecoveryTest, ASecondCopyOfASignalMakesNoSecondDeadLetter) {
  world_.options.settings.max_attempts = 1;
  world_.registry.add_tool("work", [](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
  });
  prepare();
  with_store([&](JobStore& store) { insert(store, request_, true); });
  auto once = signal(request_, "work");
  once.max_attempts = 1;
  publish(once);
  publish(once);
  world_.start();
  EXPECT_EQ(world_.ended("job-" + request_)["status"], "FAILED");
  eventually("both copies have given the result",
             [&] { return world_.messages(TopicRole::results).size() == 2; });
  ASSERT_THAT(world_.dead_letters(), SizeIs(1));
  EXPECT_THAT(world_.messages(TopicRole::dead_letters).at(0).body, HasSubstr("messageId"));
  EXPECT_THAT(world_.registry.calls(), SizeIs(1));
}

TEST_F(RecoveryTest, ARetryThatWasNotPublishedKeepsItsTime) {
  prepare();
  const auto at = base::Clock::system().wall_now() + milliseconds{1'200};
  with_store([&](JobStore& store) {
    insert(store, request_, true);
    const auto mine = take(store, request_);
    RetryClaim retry;
    retry.request_id = request_;
    retry.token = mine.token;
    retry.retry_at = at;
    retry.failure = {.attempt = 0, .at = at, .outcome = "unknown", .error = "broke before the kill"};
    ASSERT_TRUE(await<void>([&](auto done) { store.retry_claim(retry, std::move(done)); }));
  });
  publish(signal(request_));
  world_.start();
  EXPECT_EQ(world_.ended("job-" + request_)["status"], "COMPLETED");
  EXPECT_GE(base::Clock::system().wall_now(), at);
  const auto signals = world_.messages(TopicRole::tool_signals);
  ASSERT_THAT(signals, SizeIs(2));
  EXPECT_EQ(json::parse(signals[1].body)["lastError"], "broke before the kill");
}

TEST_F(RecoveryTest, ARestartDoesNotRestartTheWaitOfARetry) {
  world_.options.settings.retry_delays = {milliseconds{1'500}};
  world_.registry.add_tool("work", [](std::size_t number, const std::string&) {
    if (number == 0) return FakeRegistry::failure(mcp::FailureClass::not_executed, "refused");
    return FakeRegistry::text("back");
  });
  world_.start();
  const auto id = world_.submit("run work");
  eventually("the retry waits", [&] { return world_.messages(TopicRole::tool_signals).size() == 2; });
  world_.stop();
  world_.start();
  EXPECT_EQ(world_.ended(id)["status"], "COMPLETED");
  const auto calls = world_.registry.calls();
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_GE(calls[1].at - calls[0].at, milliseconds{1'500});
  EXPECT_LT(calls[1].at - calls[0].at, milliseconds{2'500});
}

TEST_F(RecoveryTest, AStopLeavesRunningCallsToTheNextStartAndAnswersWaitingQueries) {
  world_.registry.add_tool("work",
                           [](std::size_t number, const std::string&) -> std::optional<mcp::CallOutcome> {
                             if (number == 0) return std::nullopt;
                             return FakeRegistry::text("second start");
                           });
  world_.start();
  auto waiting = std::async(std::launch::async, [&] { return world_.query("run work"); });
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  const auto began = std::chrono::steady_clock::now();
  world_.stop(milliseconds{1'000});
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds{3'000});
  const auto refused = waiting.get();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.headers.has("Retry-After"));
  const auto request = refused.body.value("requestId", "");
  ASSERT_TRUE(base::is_uuid(request)) << refused.body;
  EXPECT_EQ(world_.registry.cancelled(), 1U);
  world_.start();
  const auto jobs = world_.get("/api/orchestrator/jobs").body["jobs"];
  ASSERT_THAT(jobs, SizeIs(1));
  EXPECT_EQ(jobs[0]["requestId"], request);
  EXPECT_EQ(world_.ended(jobs[0]["jobId"])["result"]["content"][0]["text"], "second start");
}

}  // namespace
}  // namespace geminga::orchestrator
