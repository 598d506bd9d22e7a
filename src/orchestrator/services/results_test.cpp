#include "orchestrator/services/results.hpp"

#include <gmock/gmock.h>

namespace geminga::orchestrator {
namespace {

ToolSignal signal() {
  ToolSignal signal;
  signal.request_id = "r1";
  signal.server_id = "files";
  signal.tool_id = "read";
  return signal;
}

TEST(ResultsTest, AnAnswerKeepsItsContent) {
  mcp::CallAnswer answer;
  answer.content = R"([{"type":"text","text":"hello"}])";
  answer.structured = R"({"n":1})";
  const auto result = answer_result(signal(), answer, {});
  EXPECT_EQ(result.status, ResultStatus::tool);
  EXPECT_EQ(result.tool_path, "files/read");
  EXPECT_EQ(result.result,
            R"({"content":[{"type":"text","text":"hello"}],"isError":false,"structuredContent":{"n":1}})");
  const auto body = result_body(signal(), result);
  EXPECT_EQ(body.status, ResultStatus::tool);
  EXPECT_TRUE(parse_result(body.json));
}

TEST(ResultsTest, AnErrorAnswerIsFailedWithTheToolsText) {
  mcp::CallAnswer answer;
  answer.content = R"([{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}])";
  answer.is_error = true;
  const auto result = answer_result(signal(), answer, {});
  EXPECT_EQ(result.status, ResultStatus::failed);
  EXPECT_EQ(result.error, "a\nb");
  answer.content = "[]";
  EXPECT_FALSE(answer_result(signal(), answer, {}).error->empty());
}

TEST(ResultsTest, WhatIsTooLargeToTravelFailsAndSaysSo) {
  mcp::CallAnswer answer;
  answer.content = R"([{"type":"text","text":")" + std::string(kResultBytesMax, 'x') + R"("}])";
  for (const bool is_error : {false, true}) {
    answer.is_error = is_error;
    const auto body = result_body(signal(), answer_result(signal(), answer, {}));
    EXPECT_LT(body.json.size(), 1'000U);
    EXPECT_EQ(body.status, ResultStatus::failed);
    const auto result = parse_result(body.json);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->status, ResultStatus::failed);
    EXPECT_THAT(*result->error, ::testing::HasSubstr("limit"));
  }
}

TEST(ResultsTest, TheArgumentsHashTellsArgumentsApart) {
  EXPECT_EQ(arguments_hash("{}").size(), 16U);
  EXPECT_EQ(arguments_hash(R"({"a":1})"), arguments_hash(R"({"a":1})"));
  EXPECT_NE(arguments_hash(R"({"a":1})"), arguments_hash(R"({"a":2})"));
}

}  // namespace
}  // namespace geminga::orchestrator
