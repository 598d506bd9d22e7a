// How a session begins with servers of every kind, and what only requests without a session have.
#include "mcp/session.hpp"

#include <algorithm>
#include <fstream>
#include <future>

#include "mcp/http_server_fixture.hpp"
#include "mcp/registry_fixture.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

class SessionTest : public RegistryFixture {
 protected:
  void open_stateless(std::vector<std::string> more = {}) {
    more.emplace_back("--stateless");
    open({{"s", fixture_server(std::move(more))}});
    ASSERT_EQ(status("s").protocol_version, "2026-07-28") << status("s").reason;
  }
};

TEST_F(SessionTest, AServerWithoutSessionsIsFoundOut) {
  open_stateless();
  EXPECT_EQ(status("s").server_name, "fixture");
  EXPECT_EQ(text_of(call("s", "echo", {{"text", "hello"}})), "hello");
  EXPECT_EQ(call("s", "structured", {{"value", {{"n", "x"}}}}).error().error.code,
            ErrorCode::schema_mismatch);
}

TEST_F(SessionTest, AServerThatSaysNothingToWhatItDoesNotKnowIsMetInTheOldWay) {
  options_.settle_deadline = milliseconds{15'000};
  open({{"s", fixture_server({"--unknown", "silent"})}});
  EXPECT_EQ(status("s").protocol_version, "2025-11-25");
  EXPECT_EQ(status("s").restarts, 0U);
}

TEST_F(SessionTest, AServerThatRefusesTheHandshakeBeforeItSaysWhoItIsIsMetWithoutSessions) {
  options_.settle_deadline = milliseconds{15'000};
  open_stateless({"--unknown", "late"});
  EXPECT_EQ(text_of(call("s", "echo", {{"text", "hello"}})), "hello");
  EXPECT_EQ(status("s").restarts, 0U);
}

TEST_F(SessionTest, AServerThatDiesOfWhatItDoesNotKnowIsStartedAnewAtOnce) {
  options_.restart_delay_min = milliseconds{60'000};
  open({{"s", fixture_server({"--unknown", "deadly"})}});
  EXPECT_EQ(status("s").state, ServerState::ready) << status("s").reason;
  EXPECT_EQ(status("s").protocol_version, "2025-11-25");
}

TEST_F(SessionTest, WhatAServerAsksInTheMiddleOfACallIsAnswered) {
  options_.settings["s"].elicitation = Elicitation::defaults;
  open_stateless();
  const json answers = json::parse(text_of(call("s", "input", {{"rounds", 3}})));
  EXPECT_EQ(answers.at("name"), (json{{"action", "accept"}, {"content", {{"name", "nobody"}}}}));
  EXPECT_EQ(log_lines("call input"), 4U);
  EXPECT_EQ(call("s", "input", {{"rounds", 50}}).error().error.code, ErrorCode::protocol_error);
}

TEST_F(SessionTest, WhatNobodyGivesIsRefusedHonestly) {
  open_stateless();
  const auto outcome = call("s", "input");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, FailureClass::final);
  EXPECT_NE(outcome.error().error.message.find("'elicitation/create' ('who?')"), std::string::npos)
      << outcome.error().error.message;
  EXPECT_EQ(log_lines("call input"), 1U);
  EXPECT_EQ(call("s", "odd").error().error.code, ErrorCode::protocol_error) << "an unknown type of result";
}

TEST_F(SessionTest, ATaskIsPolledToItsEnd) {
  options_.settings["s"].elicitation = Elicitation::defaults;
  open_stateless();
  std::vector<std::string> said;
  const auto outcome =
      call("s", "task", {{"polls", 3}},
           {.on_progress = [&](const Progress& progress) { said.push_back(progress.message); }});
  EXPECT_EQ(text_of(outcome), "done by task-1");
  EXPECT_EQ(log_lines("get task-1"), 4U);
  EXPECT_NE(std::ranges::find(said, "busy"), said.end());
  EXPECT_EQ(text_of(call("s", "task", {{"end", "input_required"}})), "done by task-2");
  EXPECT_EQ(log_lines("update task-2"), 1U);
  EXPECT_EQ(call("s", "task", {{"end", "failed"}}).error().rpc_code, -32000);
  EXPECT_EQ(call("s", "task", {{"end", "cancelled"}}).error().kind, FailureClass::unknown);
}

TEST_F(SessionTest, ATaskThatIsStillAtWorkProlongsTheTimeOutAndIsCancelledAfterIt) {
  open_stateless();
  EXPECT_TRUE(call("s", "task", {{"polls", 60}}, {.timeout = milliseconds{800}})) << "1.2 s of signs of life";
  std::promise<CallOutcome> ended;
  const CallId id = registry_->call("s", "task", R"({"polls": 100000})", {},
                                    [&](CallOutcome outcome) { ended.set_value(std::move(outcome)); });
  ASSERT_TRUE(eventually([&] { return log_lines("get task-2") > 0; }));
  registry_->cancel(id);
  EXPECT_EQ(ended.get_future().get().error().kind, FailureClass::outcome_unknown);
  EXPECT_TRUE(eventually([&] { return log_lines("cancel task-2") == 1; }));
}

TEST_F(SessionTest, ATaskThatAsksForMoreThanThereIsIsCancelled) {
  open_stateless();
  EXPECT_EQ(call("s", "task", {{"end", "input_required"}}).error().kind, FailureClass::final);
  EXPECT_TRUE(eventually([&] { return log_lines("cancel task-1") == 1; }));
}

// A second server beside `s`, whose list is asked for over and over, is the clock of what does not happen.
class ListTest : public RegistryFixture {
 protected:
  void open_beside_clock(std::vector<std::string> more) {
    options_.list_refresh_min = milliseconds{10};
    open({{"s", server("s", std::move(more))}, {"clock", server("clock", {"--ttl-ms", "0"})}});
  }
  [[nodiscard]] std::size_t listings(const std::string& server) const {
    std::ifstream stream(folder_ / ("log of " + server));
    std::size_t count = 0;
    for (std::string line; std::getline(stream, line);)
      count += line.find(" listed ") != std::string::npos ? 1 : 0;
    return count;
  }
  /// So long that `s` would have been asked as often, were it asked like the other.
  bool clock_runs() {
    const std::size_t before = listings("clock");
    return eventually([&] { return listings("clock") >= before + 5; });
  }

 private:
  [[nodiscard]] json server(const std::string& name, std::vector<std::string> more) const {
    more.insert(more.begin(), {"--stateless", "--log", (folder_ / ("log of " + name)).native()});
    return fixture_server(std::move(more));
  }
};

TEST_F(ListTest, ChangesAreHeardOfWhereTheServerTells) {
  open_beside_clock({"--tells-changes", "--ttl-ms", "3600000"});
  ASSERT_TRUE(call("s", "list_changed"));
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("s", "added") != nullptr; }));
  EXPECT_EQ(listings("s"), 2U);
}

TEST_F(ListTest, NobodyAsksWhoIsTold) {
  open_beside_clock({"--tells-changes", "--ttl-ms", "0"});
  EXPECT_TRUE(eventually([&] {
    const std::size_t before = listings("s");
    return clock_runs() && listings("s") == before;
  }));
}

TEST_F(ListTest, AListIsAskedForAgainWhenItsTimeIsOver) {
  open_beside_clock({"--ttl-ms", "0"});
  ASSERT_TRUE(call("s", "list_changed")) << "and nobody is told";
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("s", "added") != nullptr; }));
}

TEST_F(ListTest, AListWithAnHourIsLeftAlone) {
  open_beside_clock({"--ttl-ms", "3600000"});
  ASSERT_TRUE(clock_runs());
  EXPECT_EQ(listings("s"), 1U);
}

}  // namespace
}  // namespace geminga::mcp
