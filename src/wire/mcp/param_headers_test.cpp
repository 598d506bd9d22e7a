#include "wire/mcp/param_headers.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::wire::mcp {
namespace {

using nlohmann::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

TEST(ParamHeaders, MarkedArgumentsBecomeHeaders) {
  const auto params = header_params(json::parse(R"({"type": "object", "properties": {
      "region": {"type": "string", "x-mcp-header": "Region"},
      "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
      "on": {"type": "boolean", "x-mcp-header": "On", "default": {"x-mcp-header": "data"}},
      "x-mcp-header": {"type": "string"}, "other": {"type": "string"}}})"));
  ASSERT_TRUE(params) << params.error().message;
  EXPECT_EQ(
      param_headers(*params, json::parse(R"({"region": "eu", "deep": {"n": 7}, "on": true, "other": "o"})")),
      (Headers{{"Mcp-Param-N", "7"}, {"Mcp-Param-On", "true"}, {"Mcp-Param-Region", "eu"}}));
  EXPECT_EQ(param_headers(*params, json::parse(R"({"region": null, "deep": 3, "on": []})")), Headers{});
  EXPECT_EQ(param_headers(*params, nullptr), Headers{});
  EXPECT_TRUE(header_params(json(true))->empty());
}

TEST(ParamHeaders, AMarkThatBreaksTheRulesIsRefused) {
  const char* const string = R"("type": "string", )";
  for (const std::string property :
       {R"({"x-mcp-header": "R"})", R"({"type": "number", "x-mcp-header": "R"})",
        R"({"type": "object", "x-mcp-header": "R"})", R"({"type": "null", "x-mcp-header": "R"})",
        R"({"type": ["string"], "x-mcp-header": "R"})"})
    EXPECT_FALSE(header_params({{"properties", {{"p", json::parse(property)}}}})) << property;
  for (const char* name :
       {R"("")", R"("My Region")", R"("A:B")", R"("Région")", R"("A\t1")", R"("A\r\nB: c")", "7"}) {
    const auto text =
        std::string(R"({"properties": {"p": {)") + string + R"("x-mcp-header": )" + name + "}}}";
    EXPECT_FALSE(header_params(json::parse(text))) << text;
  }
  const json marked{{"type", "string"}, {"x-mcp-header", "R"}};
  const json twice{{"type", "string"}, {"x-mcp-header", "r"}};
  EXPECT_FALSE(header_params({{"properties", {{"a", marked}, {"b", twice}}}}));
  EXPECT_FALSE(header_params(marked)) << "the arguments themselves";
  for (const char* keyword : {"items", "not", "if", "additionalProperties"})
    EXPECT_FALSE(header_params({{keyword, marked}})) << keyword;
  EXPECT_FALSE(header_params({{"anyOf", json::array({marked})}}));
  EXPECT_FALSE(header_params({{"$defs", {{"a", marked}}}}));
  EXPECT_FALSE(header_params({{"items", {{"properties", {{"a", marked}}}}}}));
}

TEST(ParamHeaders, WhatAHeaderCannotCarryGoesInBase64) {
  for (const char* plain : {"us-west1", "us west 1", "", "=?base64?open"})
    EXPECT_EQ(header_value(plain), plain);
  EXPECT_EQ(header_value("Hello, 世界"), "=?base64?SGVsbG8sIOS4lueVjA==?=");
  EXPECT_EQ(header_value(" padded "), "=?base64?IHBhZGRlZCA=?=");
  EXPECT_EQ(header_value("line1\nline2"), "=?base64?bGluZTEKbGluZTI=?=");
  EXPECT_EQ(header_value("=?base64?literal?="), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
  EXPECT_EQ(header_value("\tx"), "=?base64?CXg=?=");
}

}  // namespace
}  // namespace geminga::wire::mcp
