#include "orchestrator/planner/openai_planner.hpp"

#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "orchestrator/planner/chat_server.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ChatServer;
using ::testing::HasSubstr;

constexpr const char* kGood = R"({"plan":[{"description":"tells","toolId":"tell"}],"confidence":0.5})";
constexpr const char* kBad = R"({"plan":[{"toolId":"sing"}]})";

class OpenAiPlannerTest : public ::testing::Test {
 protected:
  OpenAiPlannerTest() {
    options_.settings.url = server_.url();
    options_.settings.model = "small";
    options_.settings.timeout = milliseconds{60'000};
    options_.first_pause = milliseconds{20};
    options_.longest_pause = milliseconds{3'000};
  }
  ~OpenAiPlannerTest() override {
    planner_.reset();
    loop_.stop();
  }

  std::future<Result<Plan>> ask() {
    if (!planner_) planner_ = OpenAiPlanner::make(loop_, options_).value();
    auto promise = std::make_shared<std::promise<Result<Plan>>>();
    auto future = promise->get_future();
    planner_->plan({.request_id = "r",
                    .sentence = "tell me",
                    .reason = "no rule",
                    .tools = {{.server = "s", .tool = "tell"}}},
                   [promise](Result<Plan> plan) { promise->set_value(std::move(plan)); });
    return future;
  }
  Result<Plan> answer() {
    auto future = ask();
    if (future.wait_for(seconds{200}) != std::future_status::ready)
      return fail(ErrorCode::internal, "the test waits in vain");
    return future.get();
  }

  ChatServer server_;
  OpenAiPlannerOptions options_;
  base::EventLoop loop_{"planner-test"};
  std::unique_ptr<OpenAiPlanner> planner_;
};

TEST_F(OpenAiPlannerTest, AnswersComeWholeOrInPieces) {
  for (const bool stream : {false, true}) {
    planner_.reset();
    options_.settings.stream = stream;
    options_.key = "secret";
    server_.reply({.words = kGood, .stream = stream});
    server_.reply(
        {.words = kGood, .stream = !stream});  // not what was asked for, and understood all the same
    const auto plan = answer();
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->plan[0].tool_id, "tell");
    EXPECT_EQ(json::parse(plan->metadata),
              (json{{"model", "small"}, {"requests", 1}, {"reason", "no rule"}}));
    const auto last = server_.seen().back();
    EXPECT_EQ(last.body["stream"], stream);
    EXPECT_EQ(last.body["model"], "small");
    EXPECT_EQ(last.authorization, "Bearer secret");
    EXPECT_TRUE(answer());
  }
}

TEST_F(OpenAiPlannerTest, WhatPassesIsAskedAgain) {
  for (const int status : {408, 409, 425, 429, 500, 502, 503, 504})
    server_.reply(ChatServer::status(status, "not now"));
  server_.reply(ChatServer::says(kGood));
  options_.settings.attempts = 9;
  options_.first_pause = milliseconds{1};
  const auto plan = answer();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(server_.seen().size(), 9U);
  EXPECT_EQ(json::parse(plan->metadata)["requests"], 9);
}

TEST_F(OpenAiPlannerTest, WhatTheServerRefusesInTheRequestIsLeftOut) {
  server_.reply(ChatServer::status(400, "Unsupported value: 'temperature' does not support 0"));
  server_.reply(ChatServer::status(422, "response_format: extra fields not permitted"));
  server_.reply(ChatServer::says(kGood));
  options_.settings.attempts = 1;
  EXPECT_TRUE(answer());
  EXPECT_TRUE(answer());
  const auto seen = server_.seen();
  ASSERT_EQ(seen.size(), 4U) << "the second question is asked without them at once";
  EXPECT_TRUE(seen[0].body.contains("temperature") && seen[0].body.contains("response_format"));
  EXPECT_TRUE(!seen[1].body.contains("temperature") && seen[1].body.contains("response_format"));
  for (const std::size_t i : {2U, 3U})
    EXPECT_TRUE(!seen[i].body.contains("temperature") && !seen[i].body.contains("response_format"));
}

TEST_F(OpenAiPlannerTest, ARefusalThatStaysIsAnError) {
  server_.reply(ChatServer::status(400, "temperature is bad, whatever it is"));
  const auto plan = answer();
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("whatever it is"));
  EXPECT_EQ(server_.seen().size(), 2U);
}

TEST_F(OpenAiPlannerTest, AStreamThatIsCutIsAskedForAgain) {
  server_.reply({.words = kGood, .stream = true, .cut = true});
  server_.reply({.words = kGood, .stream = true});
  EXPECT_TRUE(answer());
  EXPECT_EQ(server_.seen().size(), 2U);
}

TEST_F(OpenAiPlannerTest, RetryAfterIsWaitedFor) {
  server_.reply(ChatServer::status(429, "slow down", {{"Retry-After", "1"}}));
  server_.reply(ChatServer::says(kGood));
  EXPECT_TRUE(answer());
  const auto seen = server_.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_GE(seen[1].at - seen[0].at, seconds{1});
}

TEST_F(OpenAiPlannerTest, AWaitThatIsTooLongIsNoWait) {
  server_.reply(ChatServer::status(429, "quota is used up", {{"Retry-After", "3600"}}));
  const auto plan = answer();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::unavailable);
  EXPECT_THAT(plan.error().message, HasSubstr("quota is used up"));
  EXPECT_THAT(plan.error().message, HasSubstr("3600 s"));
  EXPECT_EQ(server_.seen().size(), 1U);
}

TEST_F(OpenAiPlannerTest, WhatDoesNotPassIsAnErrorAtOnce) {
  for (const int status : {400, 401, 402, 403, 404, 410, 413, 422, 451}) {
    ChatServer server;
    options_.settings.url = server.url();
    planner_.reset();
    server.reply(ChatServer::status(status, "no such model"));
    const auto plan = answer();
    ASSERT_FALSE(plan);
    EXPECT_THAT(plan.error().message, HasSubstr("no such model"));
    EXPECT_EQ(server.seen().size(), 1U) << status;
    planner_.reset();
  }
}

TEST_F(OpenAiPlannerTest, AttemptsEnd) {
  server_.reply(ChatServer::status(503));
  const auto plan = answer();
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("HTTP 503 (after 3 attempts)"));
  EXPECT_EQ(server_.seen().size(), 3U);
}

TEST_F(OpenAiPlannerTest, SilenceTimesOutAndIsAskedAgain) {
  // Where the machine is busy, answers take longer than that too.
  options_.settings.timeout = milliseconds{200};
  options_.settings.attempts = 1'000;
  options_.longest_pause = milliseconds{20};
  server_.reply({.silent = true});
  server_.reply(ChatServer::says(kGood));
  EXPECT_TRUE(answer());
  EXPECT_GE(server_.seen().size(), 2U);
}

TEST_F(OpenAiPlannerTest, NobodyThereIsAnError) {
  options_.settings.url = "http://127.0.0.1:1/v1";
  const auto plan = answer();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::unavailable);
  EXPECT_THAT(plan.error().message, HasSubstr("after 3 attempts"));
}

TEST_F(OpenAiPlannerTest, AnInvalidPlanIsSentBackOnceWithWhatIsWrong) {
  server_.reply(ChatServer::says(kBad));
  server_.reply(ChatServer::says(kGood));
  EXPECT_TRUE(answer());
  const auto seen = server_.seen();
  ASSERT_EQ(seen.size(), 2U);
  ASSERT_EQ(seen[1].body["messages"].size(), 4U);
  EXPECT_EQ(seen[1].body["messages"][2]["content"], kBad);
  EXPECT_THAT(seen[1].body["messages"][3]["content"].get<std::string>(),
              HasSubstr("there is no tool 'sing'"));
}

TEST_F(OpenAiPlannerTest, AnInvalidPlanTwiceIsAnError) {
  server_.reply(ChatServer::says(kBad));
  const auto plan = answer();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::schema_mismatch);
  EXPECT_EQ(server_.seen().size(), 2U);
}

TEST_F(OpenAiPlannerTest, AnswersThatAreNoneAreErrors) {
  server_.reply({.body = R"({"hello":"world"})"});
  EXPECT_THAT(answer().error().message, HasSubstr("OpenAI-compatible"));
  EXPECT_EQ(server_.seen().size(), 1U);
}

TEST_F(OpenAiPlannerTest, SoManyAtOnceAndTheOthersInTheirOrder) {
  options_.settings.requests_max = 2;
  options_.settings.timeout = milliseconds{200'000};
  server_.reply({.silent = true});
  std::vector<std::future<Result<Plan>>> plans;
  plans.reserve(5);
  for (int i = 0; i < 5; ++i) plans.push_back(ask());
  for (std::size_t woken = 0; woken < 5; ++woken) {
    const auto wanted = std::min<std::size_t>(2, 5 - woken);
    const auto deadline = std::chrono::steady_clock::now() + seconds{100};
    while (server_.open() < wanted && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_EQ(server_.open(), wanted);
    server_.wake(kGood);
    ASSERT_EQ(plans[woken].wait_for(seconds{100}), std::future_status::ready);
    EXPECT_TRUE(plans[woken].get());
  }
}

TEST_F(OpenAiPlannerTest, StopEndsWhatRunsAndWhatWaits) {
  options_.settings.requests_max = 1;
  server_.reply({.silent = true});
  auto first = ask();
  auto second = ask();
  planner_->stop();
  EXPECT_EQ(first.get().error().code, ErrorCode::closed);
  EXPECT_EQ(second.get().error().code, ErrorCode::closed);
  EXPECT_EQ(answer().error().code, ErrorCode::closed);
}

TEST_F(OpenAiPlannerTest, SettingsThatCannotBeAreRefused) {
  const auto error_of = [&] { return OpenAiPlanner::make(loop_, options_).error(); };
  options_.settings.url = "example.com/v1";
  EXPECT_EQ(error_of().code, ErrorCode::config_error);
  options_.settings.url = "http://user:pass@127.0.0.1/v1/";
  options_.settings.model = "";
  EXPECT_THAT(error_of().message, HasSubstr("model"));
  options_.settings.model = "m";
  EXPECT_EQ(OpenAiPlanner::make(loop_, options_).value()->description().find("pass"), std::string::npos);
}

}  // namespace
}  // namespace geminga::orchestrator
