#include "net/json_body.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/json_errors.hpp"

namespace geminga::net {
namespace {

using ::testing::HasSubstr;

TEST(JsonBody, TakesOneObject) {
  EXPECT_EQ(parse_json_object(R"({"a": [1, "x"]})").value()["a"][1], "x");
}

TEST(JsonBody, RefusesWhatIsNotOneObject) {
  for (const std::string body : {"", "x", "[]", "1", "\"{}\"", "{", "{}{}", "{\"a\":1,}", "{'a':1}",
                                 "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}", "{\"a\":nan}", "{\"a\":1e400}"}) {
    const auto parsed = parse_json_object(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code, ErrorCode::parse_error) << body;
  }
}

TEST(JsonBody, LimitsTheDepthButNotTheNumberOfBrackets) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(parse_json_object(nested(64)));
  EXPECT_FALSE(parse_json_object(nested(65)));
  EXPECT_FALSE(parse_json_object("{\"a\":" + std::string(1'000'000, '[')));
  EXPECT_TRUE(parse_json_object("{\"a\":\"" + std::string(100, '[') + "\\\"[\"}"));
}

TEST(JsonErrors, CarryNameMessageStatusAndRequestId) {
  const auto response = error_response(Error{ErrorCode::topic_not_found, "topic 'x' does not exist"}, "r-1");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body,
            R"({"error":"topic_not_found","message":"topic 'x' does not exist","requestId":"r-1"})");
  EXPECT_FALSE(response.headers.has("Retry-After"));
}

TEST(JsonErrors, WhatMayWorkLaterSaysSo) {
  EXPECT_EQ(error_response(Error{ErrorCode::unavailable, "not now"}).headers.get("retry-after"), "1");
  EXPECT_EQ(error_response(Error{ErrorCode::queue_full, "full"}).status, 429);
}

TEST(JsonErrors, BytesOfAPeerThatAreNotUtf8DoNotBreakTheAnswer) {
  EXPECT_THAT(error_response(Error{ErrorCode::parse_error, "got '\xff'"}).body,
              HasSubstr("got '\xEF\xBF\xBD'"));
}

}  // namespace
}  // namespace geminga::net
