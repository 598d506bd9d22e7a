// What a session makes of answers that come at the wrong moment, or never: step by step, without a server.
#include "mcp/session_script.hpp"

#include <gmock/gmock.h>

#include "mcp/registry_fixture.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;

// --- refusals that may mean that the server is another one by now
// --------------------------------------------------------------------------------------------------------

TEST_F(SessionScript, ARefusalWithoutAWordIsOfOneCallOnly) {
  for (const int status : {400, 404, 405}) {
    SCOPED_TRACE(status);
    on_loop([&] {
      begin_stateless();
      const auto other = call();
      const auto refused = call();
      refuse(request_of(refused), http_status(status, FailureClass::final));
      EXPECT_EQ(text(refused), status == 400 ? "final" : "not_executed");
      EXPECT_EQ(text(other), "(under way)");
      discovered();
      answer("tools/list", kTools);
      answer(request_of(other), said("here"));
      EXPECT_EQ(text(other), R"(["here"])");
      EXPECT_FALSE(down_) << *down_;
      session_.reset();
    });
  }
}

TEST_F(SessionScript, AServerThatIsWhatItWasIsNotAskedAgainAtOnce) {
  on_loop([&] {
    begin_stateless();
    for (int i = 0; i < 3; ++i) {
      const auto refused = call();
      refuse(request_of(refused), http_status(404, FailureClass::unknown));
      EXPECT_EQ(text(refused), "not_executed");
      if (i > 0) continue;
      discovered();
      answer("tools/list", kTools);
    }
    EXPECT_EQ(count("server/discover"), 2U) << "at the beginning, and once more";
    EXPECT_FALSE(down_);
  });
}

TEST_F(SessionScript, WhatWaitsBehindARefusedCallIsSentWhenTheServerHasSaidHowItSpeaks) {
  on_loop([&] {
    begin_stateless();
    std::int64_t next = 0;
    const auto other = call();
    session_->call({.tool = "t",
                    .arguments = "{}",
                    .idempotency_key = "",
                    .traceparent = "",
                    .done = [&](const CallOutcome&) { next = call(); },
                    .on_progress = {}});
    refuse("tools/call", http_status(404, FailureClass::unknown));
    ASSERT_NE(next, 0);
    EXPECT_EQ(count("tools/call"), 2U) << "nobody knows yet how to say it";
    refuse("server/discover", http_status(400, FailureClass::final));
    initialized();
    answer("tools/list", kTools);
    EXPECT_EQ(*era_, Era::handshake);
    EXPECT_EQ(ready_, 2) << "it is another server";
    answer("tools/call", said("new"));
    EXPECT_EQ(text(next), R"(["new"])");
    answer(request_of(other), said("old"));
    EXPECT_EQ(text(other), R"(["old"])") << "what ran went on";
  });
}

TEST_F(SessionScript, AServerThatIsAskedAndCannotAnswerNowIsTakenForWhatItWas) {
  on_loop([&] {
    begin_stateless();
    refuse(request_of(call()), http_status(404, FailureClass::unknown));
    const auto held = call();
    refuse("server/discover", http_status(503, FailureClass::not_executed));
    answer("tools/call", said("still"));
    EXPECT_EQ(text(held), R"(["still"])");
    EXPECT_EQ(*era_, Era::stateless);
    EXPECT_FALSE(down_);
  });
}

TEST_F(SessionScript, AServerWithSessionsThatHasNoneByNow) {
  on_loop([&] {
    begin_handshake();
    const auto other = call();
    refuse(request_of(call()), http_status(400, FailureClass::final, wire::mcp::kHeaderMismatch));
    discovered();
    answer("tools/list", kTools);
    EXPECT_EQ(*era_, Era::stateless);
    answer(request_of(other), said("old"));
    EXPECT_EQ(text(other), R"(["old"])");
    EXPECT_FALSE(down_);
  });
}

TEST_F(SessionScript, ArgumentsAsHeadersAreBounded) {
  on_loop([&] {
    start();
    discovered();
    json tool{{"name", "t"}};
    tool["inputSchema"]["properties"]["a"] = {{"type", "string"}, {"x-mcp-header", "A"}};
    answer("tools/list", {{"tools", {tool}}});
    const auto fits = call({{"a", std::string(4'000, 'x')}});
    EXPECT_EQ(text(fits), "(under way)");
    const auto large = call({{"a", std::string(100'000, 'x')}});
    ASSERT_TRUE(ended(large));
    EXPECT_EQ(text(large), "final");
    EXPECT_THAT(outcomes_.at(large).error().error.message, HasSubstr("Mcp-Param-A"));
    EXPECT_EQ(count("tools/call"), 1U);
  });
}

// --- how it begins
// --------------------------------------------------------------------------------------------------------

TEST_F(SessionScript, AServerThatNeverSaidHowItSpeaksIsMetByHandshakeNextTime) {
  on_loop([&] {
    start();
    session_->close();
    EXPECT_TRUE(gone_);
    EXPECT_EQ(*era_, Era::handshake);
  });
  on_loop([&] {
    start();
    EXPECT_EQ(count("initialize"), 1U);
    EXPECT_EQ(count("server/discover"), 0U);
    session_->close();
    EXPECT_EQ(*era_, Era::unknown) << "and by the question again where that brought nothing either";
  });
}

// --- the list
// --------------------------------------------------------------------------------------------------------

TEST_F(SessionScript, WhoCannotListenTriesAgainAndListsMeanwhile) {
  options_.refresh_min = milliseconds{10};
  on_loop([&] { begin_stateless({{"listChanged", true}}); });
  const auto acknowledge = [&] {
    transport_->events.on_message(
        {.kind = wire::mcp::MessageKind::notification,
         .id = "",
         .method = "notifications/subscriptions/acknowledged",
         .body = std::make_shared<const json>(json{{"notifications", {{"toolsListChanged", true}}}}),
         .error_message = ""});
  };
  const auto listens = [&](std::size_t times) {
    return eventually([&] {
      bool so = false;
      on_loop([&] { so = count("subscriptions/listen") == times && count("tools/list") == times; });
      return so;
    });
  };
  on_loop([&] {
    acknowledge();
    answer("subscriptions/listen", json::object());
  });
  for (std::size_t times = 2; times <= 4; ++times) {
    ASSERT_TRUE(listens(times)) << times;
    on_loop([&] {
      answer("tools/list", kTools);
      refuse("subscriptions/listen", http_status(503, FailureClass::not_executed));
    });
  }
  ASSERT_TRUE(listens(5));
  on_loop([&] {
    acknowledge();
    answer("tools/list", kTools);
    EXPECT_EQ(listed_, 4);
  });
}

TEST_F(SessionScript, AListOverTheBoundIsRefusedOnItsLastPageToo) {
  on_loop([&] {
    start();
    discovered();
    json tools = json::array();
    for (int i = 0; i <= 10'000; ++i) tools.push_back({{"name", "t" + std::to_string(i)}});
    answer("tools/list", {{"tools", std::move(tools)}});
    EXPECT_EQ(ready_, 0);
    ASSERT_TRUE(down_);
    EXPECT_THAT(*down_, HasSubstr("over 10000 tools"));
  });
}

// --- tasks, and calls that wait
// --------------------------------------------------------------------------------------------------------

TEST_F(SessionScript, ACancellationThatNobodyAnswersIsForgotten) {
  options_.farewell = milliseconds{20};
  on_loop([&] {
    begin_stateless();
    const auto number = call();
    answer("tools/call", json(task({{"resultType", "task"}})));
    EXPECT_TRUE(session_->abandon(ids_.at(number), "cancelled"));
    EXPECT_EQ(count("tasks/cancel"), 1U);
  });
  EXPECT_TRUE(eventually([&] {
    bool so = false;
    on_loop([&] { so = transport_->forgotten.contains(last("tasks/cancel").id); });
    return so;
  }));
}

TEST_F(SessionScript, AnUpdateThatIsRefusedLeavesATaskThatMayHaveDoneItsWork) {
  options_.elicitation = Elicitation::defaults;
  on_loop([&] {
    begin_stateless();
    const auto number = call();
    answer("tools/call",
           task({{"resultType", "task"}, {"status", "input_required"}, {"inputRequests", question("a")}}));
    refuse("tasks/update", {.kind = FailureClass::final, .error = {}, .rpc_code = -32602});
    EXPECT_EQ(text(number), "outcome_unknown");
    EXPECT_EQ(count("tasks/cancel"), 1U) << "nobody waits for it any more";
  });
}

TEST_F(SessionScript, AQuestionIsAnsweredOnce) {
  options_.elicitation = Elicitation::defaults;
  std::int64_t number = 0;
  const auto polled = [&](std::size_t times) {
    return eventually([&] {
      bool so = false;
      on_loop([&] { so = count("tasks/get") == times; });
      return so;
    });
  };
  on_loop([&] {
    begin_stateless();
    number = call();
    answer("tools/call",
           task({{"resultType", "task"}, {"status", "input_required"}, {"inputRequests", question("a")}}));
    answer("tasks/update", json::object());
  });
  ASSERT_TRUE(polled(1));
  on_loop([&] {  // the server has not got round to it
    answer("tasks/get", task({{"status", "input_required"}, {"inputRequests", question("a")}}));
    EXPECT_EQ(count("tasks/update"), 1U);
  });
  ASSERT_TRUE(polled(2));
  on_loop([&] {
    json both = question("a");
    both.update(question("b"));
    answer("tasks/get", task({{"status", "input_required"}, {"inputRequests", both}}));
    ASSERT_EQ(count("tasks/update"), 2U);
    const json responses = last("tasks/update").params.at("inputResponses");
    EXPECT_TRUE(responses.contains("b"));
    EXPECT_FALSE(responses.contains("a"));
    refuse("tasks/update", http_status(502, FailureClass::outcome_unknown));
  });
  ASSERT_TRUE(polled(3));
  on_loop([&] {  // whether it came is not known, so it is said again
    answer("tasks/get", task({{"status", "input_required"}, {"inputRequests", question("b")}}));
    EXPECT_EQ(count("tasks/update"), 3U);
    answer("tasks/update", json::object());
  });
  ASSERT_TRUE(polled(4));
  on_loop([&] {
    answer("tasks/get", task({{"status", "completed"}, {"result", said("done")}}));
    EXPECT_EQ(text(number), R"(["done"])");
  });
}

TEST_F(SessionScript, ACallThatWaitsForTheListHasNotRun) {
  on_loop([&] {
    begin_stateless();
    const auto number = call();
    refuse(request_of(number), http_status(400, FailureClass::final, wire::mcp::kHeaderMismatch));
    EXPECT_EQ(text(number), "(under way)");
    EXPECT_FALSE(session_->abandon(ids_.at(number), "timed out")) << "it was refused, and not sent again";
    const auto sent = call();
    EXPECT_TRUE(session_->abandon(ids_.at(sent), "timed out"));
  });
}

TEST_F(SessionScript, ACallThatWasAskedForMoreBeforeItWaitsMayHaveDoneSomething) {
  options_.elicitation = Elicitation::defaults;
  on_loop([&] {
    begin_stateless();
    const auto number = call();
    answer("tools/call", {{"resultType", "input_required"}, {"inputRequests", question("a")}});
    refuse("tools/call", http_status(400, FailureClass::final, wire::mcp::kHeaderMismatch));
    EXPECT_TRUE(session_->abandon(ids_.at(number), "timed out"));
  });
}

// --- codes
// --------------------------------------------------------------------------------------------------------

TEST_F(SessionScript, CodesOfTheProtocolAreFinalWhereTheProtocolHasThem) {
  const auto refused = [&] {
    const auto number = call();
    transport_->events.on_message({.kind = wire::mcp::MessageKind::error,
                                   .id = std::to_string(last("tools/call").id),
                                   .number = last("tools/call").id,
                                   .method = "",
                                   .body = nullptr,
                                   .error_code = -32050,
                                   .error_message = "busy"});
    return text(number);
  };
  on_loop([&] {
    begin_handshake();
    EXPECT_EQ(refused(), "unknown") << "servers of before say with it what they like";
    session_.reset();
    *era_ = Era::unknown;
    begin_stateless();
    EXPECT_EQ(refused(), "final");
  });
}

}  // namespace
}  // namespace geminga::mcp
