#include <future>

#include "mcp/failure.hpp"
#include "mcp/http_server_fixture.hpp"
#include "mcp/invoke_upstream.hpp"
#include "mcp/registry_fixture.hpp"
#include "net/http_message.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

class HttpTransportTest : public RegistryFixture {
 protected:
  void open_remote() { open({{"r", {{"url", remote_.url()}, {"headers", {{"X-Test", "yes"}}}}}}); }

  HttpServerFixture remote_;
};

TEST_F(HttpTransportTest, JsonAnswersWithSessionAndHeaders) {
  open_remote();
  EXPECT_EQ(status("r").server_name, "http-fixture");
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "over http"}})), "over http");
  EXPECT_EQ(remote_.last_header("mcp-protocol-version"), "2025-06-18");
  EXPECT_EQ(remote_.last_header("accept"), "application/json, text/event-stream");
  EXPECT_EQ(remote_.last_header("x-test"), "yes");
  EXPECT_EQ(remote_.count("notifications/initialized"), 1);
  registry_->stop();
  EXPECT_EQ(remote_.count("DELETE session-1"), 1);
}

TEST_F(HttpTransportTest, AnswersAsAStreamAndWithoutSessions) {
  remote_.answers_by_stream = true;
  remote_.with_sessions = false;
  open_remote();
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "streamed"}})), "streamed");
}

TEST_F(HttpTransportTest, ManyCallsAtOnce) {
  open_remote();
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
  for (int i = 0; i < 200; ++i) {
    registry_->call("r", "echo", json{{"text", std::to_string(i)}}.dump(), {}, [&, i](CallOutcome outcome) {
      right += text_of(outcome) == std::to_string(i) ? 1 : 0;
      ++ended;
    });
  }
  EXPECT_TRUE(eventually([&] { return ended == 200; }));
  EXPECT_EQ(right, 200);
}

TEST_F(HttpTransportTest, ALostSessionIsReplacedOnceAndTheCallIsSentAgain) {
  open_remote();
  remote_.forget_sessions();
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "a"}})), "a");
  EXPECT_EQ(remote_.count("initialize"), 2);
  EXPECT_EQ(status("r").restarts, 0U);
}

TEST_F(HttpTransportTest, ListensForChangesOfTheList) {
  open_remote();
  ASSERT_TRUE(eventually([&] { return remote_.listeners() == 1; }));
  remote_.extra_tool = true;
  remote_.notify("notifications/tools/list_changed");
  EXPECT_TRUE(eventually([&] { return registry_->catalogue()->find("r", "added") != nullptr; }));
}

TEST_F(HttpTransportTest, AServerThatDoesNotListenIsFine) {
  remote_.offers_listening = false;
  open_remote();
  EXPECT_TRUE(eventually([&] { return remote_.count("GET") == 1; }));
  EXPECT_TRUE(call("r", "echo"));
}

TEST_F(HttpTransportTest, AnswersWhatTheServerAsksInItsStream) {
  open_remote();
  const json answer = json::parse(text_of(call("r", "ask")));
  EXPECT_EQ(answer.at("id"), 77);
  EXPECT_EQ(answer.at("error").at("code"), -32601);
}

TEST_F(HttpTransportTest, EveryStatusHasItsClassAndRetryAfterIsKept) {
  open_remote();
  const std::map<int, FailureClass> classes{
      {400, FailureClass::final},           {401, FailureClass::final},
      {403, FailureClass::final},           {429, FailureClass::not_executed},
      {503, FailureClass::not_executed},    {502, FailureClass::outcome_unknown},
      {504, FailureClass::outcome_unknown}, {500, FailureClass::unknown}};
  for (const auto& [code, kind] : classes) {
    remote_.status_for_calls = code;
    const auto outcome = call("r", "echo");
    ASSERT_FALSE(outcome) << code;
    EXPECT_EQ(outcome.error().kind, kind) << code;
    EXPECT_EQ(outcome.error().http_status, code);
    EXPECT_EQ(outcome.error().retry_after, milliseconds{7'000}) << code;
  }
  remote_.status_for_calls = 0;
  EXPECT_TRUE(call("r", "echo")) << "none of them takes the server away";
  EXPECT_EQ(status("r").restarts, 0U);
}

TEST_F(HttpTransportTest, AStreamThatEndsWithoutTheAnswerIsUnknown) {
  open_remote();
  EXPECT_EQ(call("r", "cut").error().kind, FailureClass::outcome_unknown);
}

TEST_F(HttpTransportTest, AStreamWithIdsIsGoneOnWithAfterTheServersPause) {
  remote_.offers_listening = true;
  open_remote();
  ASSERT_TRUE(eventually([&] { return remote_.listeners() == 1; }));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(text_of(call("r", "resume")), "in the end");
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds{40});
  EXPECT_EQ(remote_.count("GET after e1"), 1);
  EXPECT_EQ(remote_.count("tools/call"), 1) << "the call itself is never sent twice";
  EXPECT_TRUE(eventually([&] { return remote_.listeners() == 1; })) << "who has the answer hangs up";
}

TEST_F(HttpTransportTest, AStreamThatTheServerDoesNotGoOnWithIsUnknown) {
  remote_.resumes = false;
  open_remote();
  const auto outcome = call("r", "resume");
  EXPECT_EQ(outcome.error().kind, FailureClass::outcome_unknown);
  EXPECT_NE(outcome.error().error.message.find("405"), std::string::npos) << outcome.error().error.message;
}

TEST_F(HttpTransportTest, ATimeOutWhileAStreamIsToGoOn) {
  open_remote();
  const auto late = call("r", "resume", json::object(), {.timeout = milliseconds{20}});
  EXPECT_EQ(late.error().kind, FailureClass::outcome_unknown);
  EXPECT_TRUE(eventually([&] { return remote_.count("notifications/cancelled") == 1; }));
  EXPECT_EQ(text_of(call("r", "echo", {{"text", "a"}})), "a");
  EXPECT_EQ(remote_.count("GET after e1"), 0);
}

TEST_F(HttpTransportTest, ATimeOutCancelsAndTheServerStays) {
  open_remote();
  const auto late = call("r", "slow", json::object(), {.timeout = milliseconds{100}});
  EXPECT_EQ(late.error().kind, FailureClass::outcome_unknown);
  EXPECT_TRUE(eventually([&] { return remote_.count("notifications/cancelled") == 1; }));
  EXPECT_EQ(status("r").state, ServerState::ready);
  EXPECT_TRUE(call("r", "echo"));
}

TEST_F(HttpTransportTest, StopCancelsWhatRunsThenEndsTheSession) {
  open_remote();
  std::promise<CallOutcome> promise;
  registry_->call("r", "slow", "{}", {}, [&](CallOutcome outcome) { promise.set_value(std::move(outcome)); });
  ASSERT_TRUE(eventually([&] { return remote_.count("tools/call") == 1; }));
  registry_->stop();
  EXPECT_EQ(promise.get_future().get().error().kind, FailureClass::outcome_unknown);
  EXPECT_EQ(remote_.count("notifications/cancelled"), 1);
  EXPECT_EQ(remote_.count("DELETE session-1"), 1);
}

TEST_F(HttpTransportTest, AServerThatRefusesUsAtFirstIsTriedAgain) {
  remote_.status_for_initialize = 401;
  open_remote();
  EXPECT_TRUE(wait_for_state("r", ServerState::failed));
  EXPECT_NE(status("r").reason.find("401"), std::string::npos);
  EXPECT_NE(status("r").reason.find("'headers'"), std::string::npos);
  EXPECT_EQ(call("r", "echo").error().kind, FailureClass::not_executed);
  remote_.status_for_initialize = 0;
  EXPECT_TRUE(wait_for_state("r", ServerState::ready));
  EXPECT_TRUE(call("r", "echo"));
}

TEST_F(HttpTransportTest, NobodyThere) {
  open({{"r", {{"url", "http://127.0.0.1:1/mcp"}}}});
  EXPECT_EQ(call("r", "echo").error().kind, FailureClass::not_executed);
  EXPECT_NE(status("r").reason.find("127.0.0.1:1"), std::string::npos) << status("r").reason;
}

TEST_F(HttpTransportTest, InvokeServerListsAndDeclares) {
  options_.settings["p"] = {.protocol = Protocol::invoke,
                            .tools = {{.name = "declared", .description = "by hand"}}};
  open({{"p", {{"url", remote_.url("/plain/")}}}});
  EXPECT_EQ(status("p").transport, "invoke");
  EXPECT_NE(registry_->catalogue()->find("p", "listed"), nullptr);
  EXPECT_EQ(registry_->catalogue()->find("p", "declared")->description, "by hand");
  const auto outcome = call("p", "declared", {{"a", 1}}, {.idempotency_key = "k1"});
  ASSERT_TRUE(outcome) << outcome.error().error.message;
  EXPECT_EQ(json::parse(outcome->structured), (json{{"tool", "declared"}, {"got", {{"a", 1}}}}));
  EXPECT_EQ(remote_.last_header("idempotency-key"), "k1");
  remote_.status_for_calls = 503;
  EXPECT_EQ(call("p", "listed").error().kind, FailureClass::not_executed);
}

TEST_F(HttpTransportTest, InvokeServerWithoutAListNeedsDeclaredTools) {
  options_.settings["bare"] = {.protocol = Protocol::invoke};
  options_.settings["given"] = {.protocol = Protocol::invoke, .tools = {{.name = "t"}}};
  open({{"bare", {{"url", remote_.url("/unlisted")}}}, {"given", {{"url", remote_.url("/unlisted")}}}});
  EXPECT_NE(status("bare").reason.find("[[servers.bare.tools]]"), std::string::npos);
  EXPECT_TRUE(call("given", "t"));
}

TEST(InvokeAnswer, AnyFormBecomesAContentList) {
  EXPECT_EQ(read_invoke_answer(R"({"content":[{"type":"text","text":"x"}],"isError":true})").is_error, true);
  EXPECT_EQ(read_invoke_answer(R"({"success":true,"result":{"content":[]}})").content, "[]");
  EXPECT_EQ(read_invoke_answer(R"("plain")").content, R"([{"text":"plain","type":"text"}])");
  EXPECT_EQ(read_invoke_answer("no json").content, R"([{"text":"no json","type":"text"}])");
  EXPECT_EQ(read_invoke_answer("[1]").content, R"([{"text":"[1]","type":"text"}])");
  const CallAnswer refused = read_invoke_answer(R"({"success":false,"error":"no disk"})");
  EXPECT_TRUE(refused.is_error);
  EXPECT_EQ(refused.content, R"([{"text":"no disk","type":"text"}])");
  EXPECT_TRUE(read_invoke_answer(R"({"error":{"message":"m"}})").is_error);
}

TEST(RetryAfter, SecondsOrADate) {
  EXPECT_EQ(parse_retry_after("120"), milliseconds{120'000});
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1998 00:00:00 GMT"), milliseconds{0});
  EXPECT_GT(parse_retry_after("Fri, 31 Dec 2100 23:59:59 GMT"), milliseconds{0});
  EXPECT_LE(parse_retry_after("99999999"), std::chrono::hours{24});
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT"), std::chrono::hours{24});
  for (const char* bad : {"", "soon", "-1", "1.5"}) EXPECT_FALSE(parse_retry_after(bad)) << bad;
}

TEST(HttpFailure, AJsonRpcErrorInTheBodyOfA400IsTold) {
  const auto failure =
      http_failure(400, {}, R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"bad session"}})");
  EXPECT_EQ(failure.kind, FailureClass::final);
  EXPECT_EQ(failure.rpc_code, -32000);
  EXPECT_NE(failure.error.message.find("bad session"), std::string::npos);
  const auto moved = http_failure(307, {{"Location", "http://h/mcp/"}}, "");
  EXPECT_NE(moved.error.message.find("'http://h/mcp/'"), std::string::npos);
}

}  // namespace
}  // namespace geminga::mcp
