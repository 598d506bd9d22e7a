#include "orchestrator/planner/chat_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(ChatCodec, ARequestHasModelMessagesAndForm) {
  const json body = json::parse(chat_request(
      "m-1", {{.role = "system", .content = "be \"good\""}, {.role = "user", .content = "\xFF"}}, true));
  EXPECT_EQ(body["model"], "m-1");
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["response_format"]["type"], "json_object");
  EXPECT_EQ(body["messages"][0], (json{{"role", "system"}, {"content", "be \"good\""}}));
  EXPECT_EQ(json::parse(chat_request("m", {}, false))["stream"], false);
  const json bare =
      json::parse(chat_request("m", {}, false, {.temperature = false, .response_format = false}));
  EXPECT_FALSE(bare.contains("temperature") || bare.contains("response_format"));
}

TEST(ChatCodec, WhatARefusalNamesIsLeftOut) {
  EXPECT_EQ(without_refused({}, 400, "no 'temperature' please"), (ChatExtras{.temperature = false}));
  EXPECT_EQ(without_refused({}, 422, R"({"loc":["response_format"]})"),
            (ChatExtras{.response_format = false}));
  EXPECT_EQ(without_refused({}, 400, "no such model"), ChatExtras{});
  EXPECT_EQ(without_refused({}, 503, "temperature too high"), ChatExtras{}) << "the server's own";
}

struct Row {
  const char* type;
  const char* body;
  const char* words;  ///< nullptr: an error
  const char* error;
};

constexpr Row kRows[] = {
    {"application/json", R"({"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]})", "hi", ""},
    {"application/json; charset=utf-8",
     R"({"choices":[{"message":{"content":"hi","refusal":null},"finish_reason":"stop"}]})", "hi", ""},
    {"application/json",
     R"({"choices":[{"message":{"content":null,"refusal":"I will not"},"finish_reason":"stop"}]})", nullptr,
     "refused: I will not"},
    {"application/json", R"({"choices":[{"message":{"content":"hi"},"finish_reason":"length"}]})", nullptr,
     "stopped by 'length'"},
    {"application/json", R"({"choices":[{"message":{"content":"hi"}}]})", nullptr, "cut before its end"},
    {"application/json", R"({"choices":[]})", nullptr, "no chat completion"},
    {"application/json", R"({"choices":[3]})", nullptr, "no chat completion"},
    {"application/json", R"([])", nullptr, "no chat completion"},
    {"application/json", R"({"error":{"message":"overloaded"}})", nullptr, "overloaded"},
    {"application/json", R"({"error":"overloaded"})", nullptr, "overloaded"},
    {"text/html", "<html>", nullptr, "no JSON"},
    {"text/event-stream",
     "data: {\"choices\":[{\"delta\":{\"content\":\"h\"}}]}\n\ndata: "
     "{\"choices\":[{\"delta\":{\"content\":\"i\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
     "hi", ""},
    {"text/event-stream",
     ": ping\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: "
     "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
     "hi", ""},
    {"text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"h\"}}]}\n\n", nullptr,
     "cut before its end"},
    {"text/event-stream", "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", nullptr, "overloaded"},
    {"text/event-stream", "data: x\n\n", nullptr, "no valid JSON"},
    {"text/event-stream", "", nullptr, "cut before its end"},
};

TEST(ChatCodec, AnswersAreReadAndRefused) {
  for (const Row& row : kRows) {
    const auto answer = chat_answer(row.type, row.body);
    ASSERT_EQ(answer.has_value(), row.words != nullptr) << row.body;
    if (answer)
      EXPECT_EQ(*answer, row.words);
    else
      EXPECT_THAT(answer.error().message, HasSubstr(row.error)) << row.body;
  }
}

TEST(ChatCodec, ErrorsSayWhatTheServerSays) {
  EXPECT_EQ(chat_error(401, R"({"error":{"message":"bad key"}})"), "HTTP 401: bad key");
  EXPECT_EQ(chat_error(502, "<html>"), "HTTP 502");
  EXPECT_LT(chat_error(500, R"({"error":")" + std::string(5'000, 'x') + R"("})").size(), 600U);
}

}  // namespace
}  // namespace geminga::orchestrator
