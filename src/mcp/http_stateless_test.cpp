// Streamable HTTP without sessions (protocol 2026-07-28).
#include <future>

#include "mcp/http_server_fixture.hpp"
#include "mcp/registry_fixture.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

class StatelessHttpTest : public RegistryFixture {
 protected:
  StatelessHttpTest() { remote_.stateless = true; }
  void open_remote() { open({{"r", {{"url", remote_.url()}}}}); }

  HttpServerFixture remote_;
};

TEST_F(StatelessHttpTest, EachRequestStandsForItself) {
  open_remote();
  EXPECT_EQ(status("r").protocol_version, "2026-07-28") << status("r").reason;
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "over http"}})), "over http");
  EXPECT_EQ(remote_.last_header("mcp-method"), "tools/call");
  EXPECT_EQ(remote_.last_header("mcp-name"), "echo");
  EXPECT_EQ(remote_.last_header("mcp-session-id"), "");
  registry_->stop();
  EXPECT_EQ(remote_.count("initialize"), 0);
  EXPECT_EQ(remote_.count("GET"), 0);
  EXPECT_EQ(remote_.count("DELETE "), 0);
}

TEST_F(StatelessHttpTest, AnswersAsAStream) {
  remote_.answers_by_stream = true;
  open_remote();
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "streamed"}})), "streamed");
  EXPECT_EQ(call("r", "cut").error().kind, FailureClass::outcome_unknown);
  EXPECT_EQ(remote_.count("GET"), 0) << "streams are not gone on with";
}

TEST_F(StatelessHttpTest, MarkedArgumentsAreHeadersAndABadMarkTakesTheToolAway) {
  open_remote();
  EXPECT_TRUE(call("r", "region", {{"region", "Zürich"}}));
  EXPECT_EQ(remote_.last_header("mcp-param-region"), "=?base64?WsO8cmljaA==?=");
  EXPECT_EQ(registry_->catalogue()->find("r", "spoilt"), nullptr);
}

TEST_F(StatelessHttpTest, AHeaderThatIsMissedLeadsToANewListAndAnotherTry) {
  remote_.marks_region = false;
  open_remote();
  remote_.marks_region = true;
  EXPECT_TRUE(call("r", "region", {{"region", "eu"}}));
  EXPECT_EQ(remote_.count("tools/list"), 2);
  remote_.marks_region = false;
  ASSERT_TRUE(eventually([&] { return remote_.listeners() == 1; }));
  remote_.notify("notifications/tools/list_changed");
  ASSERT_TRUE(eventually([&] { return remote_.count("tools/list") == 3; }));
  EXPECT_EQ(call("r", "region", {{"region", "eu"}}).error().rpc_code, -32020) << "once";
}

TEST_F(StatelessHttpTest, ListensByARequest) {
  open_remote();
  ASSERT_TRUE(eventually([&] { return remote_.listeners() == 1; }));
  remote_.extra_tool = true;
  remote_.notify("notifications/tools/list_changed");
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("r", "added") != nullptr; }));
}

TEST_F(StatelessHttpTest, ACancelledCallEndsItsStreamAndSaysNothingElse) {
  open_remote();
  std::promise<CallOutcome> ended;
  const CallId id =
      registry_->call("r", "slow", "", {}, [&](CallOutcome outcome) { ended.set_value(std::move(outcome)); });
  ASSERT_TRUE(eventually([&] { return remote_.count("tools/call") == 1; }));
  registry_->cancel(id);
  EXPECT_EQ(ended.get_future().get().error().kind, FailureClass::outcome_unknown);
  EXPECT_TRUE(call("r", "echo"));
  EXPECT_EQ(remote_.count("notifications/cancelled"), 0);
}

TEST_F(StatelessHttpTest, AServerThatSpeaksAnotherWayByNowIsAskedAnew) {
  options_.restart_delay_min = milliseconds{60'000};
  open_remote();
  remote_.stateless = false;
  const auto refused = call("r", "echo");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureClass::not_executed);
  EXPECT_TRUE(eventually([&] { return status("r").protocol_version == "2025-06-18"; })) << status("r").reason;
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "again"}})), "again");
  remote_.stateless = true;
  EXPECT_EQ(call("r", "echo").error().kind, FailureClass::not_executed);
  EXPECT_TRUE(eventually([&] { return status("r").protocol_version == "2026-07-28"; })) << status("r").reason;
  EXPECT_EQ(status("r").restarts, 0U);
}

TEST_F(StatelessHttpTest, ARefusalOfOneCallEndsNoOther) {
  open_remote();
  std::promise<CallOutcome> beside;
  const CallId id = registry_->call("r", "slow", "", {},
                                    [&](CallOutcome outcome) { beside.set_value(std::move(outcome)); });
  ASSERT_TRUE(eventually([&] { return remote_.count("tools/call") == 1; }));
  for (const int code : {400, 404, 405}) {
    remote_.status_for_calls = code;
    EXPECT_EQ(call("r", "echo").error().http_status, code);
  }
  remote_.status_for_calls = 0;
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "a"}})), "a");
  EXPECT_EQ(status("r").in_flight, 1U);
  EXPECT_EQ(status("r").restarts, 0U);
  registry_->cancel(id);
  EXPECT_FALSE(beside.get_future().get());
}

TEST_F(StatelessHttpTest, AServerThatSaysNothingToTheQuestionHowItSpeaksIsMetByHandshakeInItsNextLife) {
  remote_.stateless = false;
  remote_.silent_discovery = true;
  options_.settings["r"].start_timeout = milliseconds{500};
  open_remote();
  EXPECT_TRUE(wait_for_state("r", ServerState::ready)) << status("r").reason;
  EXPECT_EQ(status("r").protocol_version, "2025-06-18");
}

}  // namespace
}  // namespace geminga::mcp
