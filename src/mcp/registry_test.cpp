#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <unistd.h>

#include <gmock/gmock.h>

#include "mcp/registry_fixture.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;

class RegistryTest : public RegistryFixture {};

TEST_F(RegistryTest, ListsAndCallsTools) {
  open({{"one", fixture_server()}, {"two", fixture_server({"--version", "2024-11-05"})}});
  const CataloguePtr catalogue = registry_->catalogue();
  const Tool* echo = catalogue->find("one", "echo");
  ASSERT_NE(echo, nullptr);
  EXPECT_EQ(echo->annotations.read_only, true);
  EXPECT_EQ(catalogue->find("one", "delete")->annotations.declared_destructive(), true);
  EXPECT_EQ(catalogue->find("one", "work")->annotations, ToolAnnotations{});
  EXPECT_EQ(catalogue->find("three", "echo"), nullptr);
  EXPECT_EQ(status("one").protocol_version, "2025-11-25");
  EXPECT_EQ(status("two").protocol_version, "2024-11-05");
  const auto outcome = call("two", "echo", {{"text", "hello\nworld"}});
  EXPECT_EQ(text_of(outcome), "hello\nworld");
  EXPECT_EQ(json::parse(outcome->structured), (json{{"text", "hello\nworld"}}));
  EXPECT_FALSE(outcome->is_error);
}

TEST_F(RegistryTest, EveryAnswerHasItsClass) {
  open({{"s", fixture_server()}});
  const auto failed = call("s", "fail", {{"text", "no disk"}});
  ASSERT_TRUE(failed);
  EXPECT_TRUE(failed->is_error);
  EXPECT_EQ(text_of(failed), "no disk");
  for (const auto& [code, kind] : std::map<int, FailureClass>{{-32600, FailureClass::final},
                                                              {-32601, FailureClass::final},
                                                              {-32602, FailureClass::final},
                                                              {-32000, FailureClass::unknown},
                                                              {-32603, FailureClass::unknown}}) {
    const auto refused = call("s", "refuse", {{"code", code}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, kind) << code;
    EXPECT_EQ(refused.error().rpc_code, code);
    EXPECT_EQ(refused.error().error.code, ErrorCode::rpc_error);
  }
  EXPECT_EQ(call("s", "no_such_tool").error().error.code, ErrorCode::unknown_tool);
  EXPECT_EQ(call("nobody", "echo").error().error.code, ErrorCode::unknown_server);
  EXPECT_EQ(call("s", "echo", json::array()).error().error.code, ErrorCode::invalid_argument);
  for (const char* tool : {"no_such_tool", "refuse"})
    EXPECT_EQ(call("s", tool).error().kind, FailureClass::final);
}

TEST_F(RegistryTest, StructuredAnswersAreCheckedAgainstTheOutputSchema) {
  options_.settings["trusted"].check_structured = false;
  open({{"s", fixture_server()}, {"trusted", fixture_server()}});
  EXPECT_EQ(call("s", "structured", {{"value", {{"n", 3}}}})->structured, R"({"n":3})");
  for (const json& arguments :
       {json{{"value", {{"n", "three"}}}}, json{{"value", json::object()}}, json::object()}) {
    const auto outcome = call("s", "structured", arguments);
    ASSERT_FALSE(outcome) << arguments;
    EXPECT_EQ(outcome.error().kind, FailureClass::final);
    EXPECT_EQ(outcome.error().error.code, ErrorCode::schema_mismatch);
    EXPECT_NE(outcome.error().error.message.find("check_structured"), std::string::npos);
    EXPECT_TRUE(call("trusted", "structured", arguments));
  }
  const auto complaint = [this](const json& arguments) {
    return call("s", "structured", arguments).error().error.message;
  };
  EXPECT_THAT(
      complaint({{"value", {{"n", "three"}}}}),
      HasSubstr("outputSchema: structuredContent.n: found the text \"three\", expected a value of type "
                "integer; check_structured"));
  EXPECT_THAT(complaint({{"value", json::object()}}), HasSubstr("structuredContent.n: found nothing"));
  EXPECT_THAT(complaint(json::object()), HasSubstr("there is no structuredContent"));
  EXPECT_TRUE(call("s", "structured", {{"isError", true}})->is_error)
      << "a tool that failed says why in its own way";
}

TEST_F(RegistryTest, NoServerHidesATool) {
  open({{"a", fixture_server()}, {"b", fixture_server({"--extra-tools", "1"})}});
  const CataloguePtr catalogue = registry_->catalogue();
  ASSERT_NE(catalogue->find("a", "echo"), nullptr);
  ASSERT_NE(catalogue->find("b", "echo"), nullptr);
  EXPECT_EQ(catalogue->find("a", "extra_0"), nullptr);
  EXPECT_TRUE(call("a", "echo"));
  EXPECT_EQ(status("a").calls, 1U);
  EXPECT_EQ(status("b").calls, 0U);
  EXPECT_EQ(call("a", "extra_0").error().error.code, ErrorCode::unknown_tool);
}

TEST_F(RegistryTest, AChangedListIsShownInThisProcessAndTheNext) {
  options_.tools_folder = folder_ / "tools";
  open({{"s", fixture_server()}});
  EXPECT_TRUE(status("s").tools_changed.empty()) << "the first list is no change";
  const std::string first = status("s").tools_hash;
  EXPECT_EQ(first.substr(0, 7), "sha256:");
  ASSERT_TRUE(call("s", "list_changed"));
  ASSERT_TRUE(eventually([&] { return status("s").tools_hash != first; }));
  EXPECT_EQ(status("s").tools_changed, std::vector<std::string>{"added 'added'"});
  registry_->stop();
  open({{"s", fixture_server({"--extra-tools", "1"})}});
  EXPECT_EQ(status("s").tools_changed, (std::vector<std::string>{"removed 'added'", "added 'extra_0'"}));
  EXPECT_TRUE(call("s", "extra_0")) << "shown, and used";
}

TEST_F(RegistryTest, OnlyTheToolsOfAPinnedHashMayBeCalled) {
  options_.tools_folder = folder_ / "tools";
  open({{"s", fixture_server()}});
  const std::string hash = status("s").tools_hash;
  registry_->stop();
  options_.settings["s"].tools_hash = hash;
  open({{"s", fixture_server({"--extra-tools", "1"})}});
  EXPECT_TRUE(call("s", "echo")) << "as it was";
  EXPECT_EQ(call("s", "extra_0").error().error.code, ErrorCode::unknown_tool);
  EXPECT_EQ(status("s").tools_changed, std::vector<std::string>{"added 'extra_0'"});
  const std::string accepted = status("s").tools_hash;
  registry_->stop();
  options_.settings["s"].tools_hash = "sha256:another";
  open({{"s", fixture_server()}});
  EXPECT_EQ(call("s", "echo").error().error.code, ErrorCode::unknown_tool) << "nothing is known of that list";
  registry_->stop();
  options_.settings["s"].tools_hash = accepted;
  open({{"s", fixture_server({"--extra-tools", "1"})}});
  EXPECT_TRUE(call("s", "extra_0"));
}

TEST_F(RegistryTest, TheIdempotencyKeyReachesTheServer) {
  open({{"s", fixture_server()}});
  ASSERT_TRUE(call("s", "echo", json::object(), {.idempotency_key = "key-17"}));
  EXPECT_EQ(log_lines("call echo key-17"), 1U);
}

TEST_F(RegistryTest, ADeathInACallIsUnknownAndTheServerComesBackWithItsTools) {
  open({{"s", fixture_server()}});
  std::promise<CallOutcome> beside;
  registry_->call("s", "slow", R"({"ms": 60000})", {},
                  [&](CallOutcome outcome) { beside.set_value(std::move(outcome)); });
  const auto died = call("s", "die");
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().kind, FailureClass::outcome_unknown);
  EXPECT_NE(died.error().error.message.find("exited with code 3"), std::string::npos)
      << died.error().error.message;
  EXPECT_EQ(beside.get_future().get().error().kind, FailureClass::outcome_unknown);
  EXPECT_NE(registry_->catalogue()->find("s", "echo"), nullptr);
  EXPECT_EQ(text_of(call("s", "echo", {{"text", "again"}})), "again");  // waits for the restart
  EXPECT_EQ(status("s").restarts, 1U);
  EXPECT_EQ(log_lines("call die"), 1U);
}

TEST_F(RegistryTest, ATimeOutIsUnknownCancelsAndKeepsTheServer) {
  open({{"s", fixture_server()}});
  const auto late = call("s", "never", json::object(), {.timeout = milliseconds{100}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, FailureClass::outcome_unknown);
  EXPECT_EQ(late.error().error.code, ErrorCode::timeout);
  EXPECT_TRUE(eventually([&] { return log_lines("cancelled timed out") == 1; }));
  EXPECT_EQ(status("s").state, ServerState::ready);
  EXPECT_EQ(status("s").restarts, 0U);
  EXPECT_EQ(text_of(call("s", "echo", {{"text", "x"}})), "x");
}

TEST_F(RegistryTest, ProgressIsPassedOnAndProlongsTheTimeOut) {
  open({{"s", fixture_server()}});
  std::vector<double> seen;
  const auto outcome = call("s", "slow", {{"ms", 600}, {"steps", 5}},
                            {.timeout = milliseconds{300}, .on_progress = [&](const Progress& p) {
                               EXPECT_EQ(p.total, 5.0);
                               seen.push_back(p.progress);
                             }});
  EXPECT_EQ(text_of(outcome), "slow");
  EXPECT_EQ(seen, (std::vector<double>{1, 2, 3, 4, 5}));
}

TEST_F(RegistryTest, CancelEndsACallAndTellsTheServer) {
  open({{"s", fixture_server()}});
  std::promise<CallOutcome> promise;
  const CallId id = registry_->call("s", "slow", R"({"ms": 60000})", {},
                                    [&](CallOutcome outcome) { promise.set_value(std::move(outcome)); });
  ASSERT_TRUE(eventually([&] { return log_lines("call slow") == 1; }));
  registry_->cancel(id);
  registry_->cancel(id);
  const auto outcome = promise.get_future().get();
  EXPECT_EQ(outcome.error().kind, FailureClass::outcome_unknown);
  EXPECT_EQ(outcome.error().error.code, ErrorCode::cancelled);
  EXPECT_TRUE(eventually([&] { return log_lines("cancelled cancelled") == 1; }));
}

TEST_F(RegistryTest, StopTellsTheServerWhichCallsAreCancelled) {
  open({{"s", fixture_server()}});
  std::promise<CallOutcome> promise;
  registry_->call("s", "slow", R"({"ms": 60000})", {},
                  [&](CallOutcome outcome) { promise.set_value(std::move(outcome)); });
  ASSERT_TRUE(eventually([&] { return log_lines("call slow") == 1; }));
  registry_->stop();
  EXPECT_EQ(promise.get_future().get().error().kind, FailureClass::outcome_unknown);
  EXPECT_EQ(log_lines("cancelled the client is stopping"), 1U);
  EXPECT_TRUE(processes_with(log_.native()).empty());
}

TEST_F(RegistryTest, HundredsOfCallsAtOnceEachGetTheirOwnAnswer) {
  open({{"s", {{"command", GEMINGA_MCP_FIXTURE}}}});  // no log: that would be an fsync for each
  constexpr int kCalls = 500;
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
  for (int i = 0; i < kCalls; ++i) {
    registry_->call("s", "echo", json{{"text", std::to_string(i)}}.dump(), {}, [&, i](CallOutcome outcome) {
      right += text_of(outcome) == std::to_string(i) ? 1 : 0;
      ++ended;
    });
  }
  EXPECT_TRUE(eventually([&] { return ended == kCalls; }));
  EXPECT_EQ(right, kCalls);
  EXPECT_EQ(status("s").calls, static_cast<std::uint64_t>(kCalls));
}

TEST_F(RegistryTest, OverItsLimitsAServerIsNotAsked) {
  options_.settings["s"].max_concurrent = 1;
  options_.settings["s"].max_queued = 1;
  open({{"s", fixture_server()}});
  std::promise<CallOutcome> running;
  const CallId id = registry_->call("s", "never", "", {},
                                    [&](CallOutcome outcome) { running.set_value(std::move(outcome)); });
  std::promise<CallOutcome> queued;
  registry_->call("s", "echo", "", {.timeout = milliseconds{200}},
                  [&](CallOutcome outcome) { queued.set_value(std::move(outcome)); });
  const auto refused = call("s", "echo");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureClass::limited);
  EXPECT_TRUE(refused.error().retry_after);
  EXPECT_EQ(queued.get_future().get().error().kind, FailureClass::limited);
  registry_->cancel(id);
  EXPECT_FALSE(running.get_future().get());
  EXPECT_TRUE(call("s", "echo"));
  EXPECT_EQ(log_lines("call echo"), 1U);
}

TEST_F(RegistryTest, OverItsRateAServerIsCalledLater) {
  options_.settings["s"].max_per_second = 2;
  open({{"s", fixture_server()}});
  EXPECT_TRUE(call("s", "echo"));
  EXPECT_TRUE(call("s", "echo"));
  const auto held = call("s", "echo");
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().kind, FailureClass::limited);
  EXPECT_GT(held.error().retry_after.value(), milliseconds{0});
  EXPECT_LE(held.error().retry_after.value(), milliseconds{500});
}

TEST_F(RegistryTest, AServerThatFailsInARowIsLeftAloneUntilOneCallTries) {
  options_.settings["s"].breaker_failures = 2;
  options_.settings["s"].breaker_pause = milliseconds{300};
  open({{"s", fixture_server()}});
  EXPECT_EQ(status("s").breaker, "closed");
  const CallOptions brief{.timeout = milliseconds{50}};
  EXPECT_EQ(call("s", "never", json::object(), brief).error().kind, FailureClass::outcome_unknown);
  EXPECT_TRUE(call("s", "echo")) << "an answer, and the count begins anew";
  EXPECT_FALSE(call("s", "never", json::object(), brief));
  EXPECT_FALSE(call("s", "never", json::object(), brief));
  EXPECT_EQ(status("s").breaker, "open");
  const auto held = call("s", "echo");
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().kind, FailureClass::limited);
  EXPECT_LE(held.error().retry_after.value(), milliseconds{301});
  EXPECT_TRUE(eventually([&] { return call("s", "echo").has_value(); }));
  EXPECT_EQ(status("s").breaker, "closed");
}

TEST_F(RegistryTest, ReadsEveryPageOfAList) {
  open({{"s", fixture_server({"--extra-tools", "100", "--page", "7"})}});
  EXPECT_NE(registry_->catalogue()->find("s", "extra_99"), nullptr);
  EXPECT_EQ(text_of(call("s", "extra_42")), "extra_42");
}

TEST_F(RegistryTest, FollowsListChanged) {
  open({{"s", fixture_server()}});
  std::atomic<std::uint64_t> heard{0};
  const auto listener =
      registry_->listen([&](const CataloguePtr& catalogue) { heard = catalogue->generation; });
  const std::uint64_t before = registry_->catalogue()->generation;
  ASSERT_TRUE(call("s", "list_changed"));
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("s", "added") != nullptr; }));
  EXPECT_TRUE(eventually([&] { return heard > before; }));
  registry_->unlisten(listener);
}

TEST_F(RegistryTest, AListThatIsNeverAnsweredDoesNotKeepLaterOnesAway) {
  options_.settings["s"].start_timeout = milliseconds{400};
  open({{"s", fixture_server()}});
  ASSERT_TRUE(call("s", "list_changed", {{"unanswered", 1}}));
  EXPECT_TRUE(eventually([&] { return log_lines("cancelled timed out") == 1; }));
  EXPECT_EQ(registry_->catalogue()->find("s", "added"), nullptr);
  EXPECT_EQ(status("s").state, ServerState::ready) << "it keeps the tools it had";
  ASSERT_TRUE(call("s", "list_changed"));
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("s", "added") != nullptr; }));
}

TEST_F(RegistryTest, RefusesHonestlyWhatAServerAsksAndAnswersPing) {
  open({{"s", fixture_server()}});
  for (const char* method : {"roots/list", "sampling/createMessage", "elicitation/create"}) {
    const json answer = json::parse(text_of(call("s", "ask", {{"method", method}})));
    EXPECT_EQ(answer.at("error").at("code"), -32601) << method;
  }
  EXPECT_EQ(json::parse(text_of(call("s", "ask", {{"method", "ping"}}))).at("result"), json::object());
}

TEST_F(RegistryTest, AServerSeesOnlyTheDeclaredEnvironmentAndNoDescriptorOfOurs) {
  ::setenv("GEMINGA_TEST_SECRET", "hidden", 1);
  ::setenv("GEMINGA_TEST_GIVEN", "given", 1);
  json server = fixture_server();
  server["env"] = {{"DECLARED", "${GEMINGA_TEST_GIVEN}/x"}};
  server["cwd"] = "/usr";
  const int careless = ::fcntl(0, F_DUPFD, 200);  // without close-on-exec
  open({{"s", server}});
  const json seen = json::parse(text_of(call("s", "env")));
  EXPECT_EQ(seen.at("DECLARED"), "given/x");
  EXPECT_EQ(seen.at("(cwd)"), "/usr");
  EXPECT_EQ(seen.at("PATH"), ::getenv("PATH"));
  EXPECT_FALSE(seen.contains("GEMINGA_TEST_SECRET"));
  EXPECT_FALSE(seen.contains("GEMINGA_TEST_GIVEN"));
  ASSERT_GE(careless, 200);
  const auto descriptors = seen.at("(descriptors)").get<std::vector<int>>();
  EXPECT_EQ(std::ranges::find(descriptors, careless), descriptors.end());
  ::close(careless);
}

TEST_F(RegistryTest, ReloadTouchesOnlyWhatHasChanged) {
  open({{"kept", fixture_server()}, {"changed", fixture_server()}, {"removed", fixture_server()}});
  std::promise<CallOutcome> running;
  registry_->call("kept", "slow", R"({"ms": 400})", {},
                  [&](CallOutcome outcome) { running.set_value(std::move(outcome)); });
  write_config({{"kept", fixture_server()},
                {"changed", fixture_server({"--extra-tools", "1"})},
                {"new", fixture_server()}});
  // Without reload(): the file is watched.
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("changed", "extra_0") != nullptr; }));
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("new", "echo") != nullptr; }));
  EXPECT_EQ(registry_->catalogue()->find("removed", "echo"), nullptr);
  EXPECT_EQ(call("removed", "echo").error().error.code, ErrorCode::unknown_server);
  EXPECT_EQ(text_of(running.get_future().get()), "slow");
  EXPECT_EQ(status("kept").calls, 1U);
}

TEST_F(RegistryTest, ABadFileLeavesTheOldSetAndSaysWhy) {
  open({{"s", fixture_server()}});
  std::ofstream(options_.config_file) << R"({"mcpServers": {"s": {"command": 7}}})";
  const auto reloaded = registry_->reload();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, ErrorCode::config_error);
  EXPECT_EQ(registry_->status().config_error, reloaded.error().message);
  EXPECT_TRUE(call("s", "echo"));
  write_config({{"s", fixture_server()}});
  EXPECT_TRUE(registry_->reload());
  EXPECT_EQ(registry_->status().config_error, "");
}

TEST_F(RegistryTest, StopEndsEveryCallAndLeavesNoProcess) {
  open({{"s", fixture_server()}});
  std::promise<CallOutcome> promise;
  registry_->call("s", "never", "", {}, [&](CallOutcome outcome) { promise.set_value(std::move(outcome)); });
  ASSERT_TRUE(eventually([&] { return log_lines("call never") == 1; }));
  ASSERT_FALSE(processes_with(folder_).empty());
  registry_->stop();
  const auto outcome = promise.get_future().get();
  EXPECT_EQ(outcome.error().kind, FailureClass::outcome_unknown);
  EXPECT_EQ(outcome.error().error.code, ErrorCode::closed);
  EXPECT_TRUE(processes_with(folder_).empty());
  EXPECT_EQ(call("s", "echo").error().kind, FailureClass::not_executed);
}

TEST_F(RegistryTest, WithoutAFileThereAreNoServersAndItIsSettled) {
  options_.config_file.clear();
  open();
  EXPECT_TRUE(registry_->catalogue()->tools.empty());
  std::promise<void> settled;
  registry_->when_settled([&] { settled.set_value(); });
  settled.get_future().wait();
  EXPECT_EQ(call("s", "echo").error().error.code, ErrorCode::unknown_server);
}

}  // namespace
}  // namespace geminga::mcp
