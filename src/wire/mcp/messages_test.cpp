#include "wire/mcp/messages.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace geminga::wire::mcp {
namespace {

using nlohmann::json;

TEST(Messages, InitializeOffersTheNewestVersionAndNoCapability) {
  const json params = initialize_params("geminga", "1", false);
  EXPECT_EQ(params.at("protocolVersion"), "2025-11-25");
  EXPECT_EQ(params.at("capabilities"), json::object());
  EXPECT_EQ(params.at("clientInfo").at("name"), "geminga");
}

TEST(Messages, ElicitationIsDeclaredWhereItIsAnswered) {
  const json params = initialize_params("geminga", "1", true);
  EXPECT_EQ(params.at("capabilities"), (json{{"elicitation", {{"form", json::object()}}}}));
}

json asked(const char* schema) {
  return elicitation_defaults({{"message", "?"}, {"requestedSchema", json::parse(schema)}});
}

TEST(Messages, AnElicitationGetsTheDefaultsOfItsForm) {
  EXPECT_EQ(asked(R"({"properties": {"name": {"type": "string", "default": "x"}, "n": {"default": 0},
                      "yes": {"type": "boolean", "default": false}, "free": {"type": "string"}},
                      "required": ["name", "n"]})"),
            (json{{"action", "accept"}, {"content", {{"name", "x"}, {"n", 0}, {"yes", false}}}}));
  EXPECT_EQ(asked(R"({"properties": {}})"), (json{{"action", "accept"}, {"content", json::object()}}));
}

TEST(Messages, AnElicitationThatNeedsSomebodyIsDeclined) {
  const json declined{{"action", "decline"}};
  EXPECT_EQ(asked(R"({"properties": {"name": {"type": "string"}}, "required": ["name"]})"), declined);
  EXPECT_EQ(asked(R"({"properties": {}, "required": ["other"]})"), declined);
  EXPECT_EQ(asked("{}"), declined);
  EXPECT_EQ(elicitation_defaults({{"mode", "url"}, {"url", "https://h"}}), declined);
  EXPECT_EQ(elicitation_defaults(nullptr), declined);
}

TEST(Messages, InitializeTakesEveryVersionThatIsSpokenAndNoOther) {
  for (const std::string_view version : handshake_versions()) {
    const auto read = read_initialize_result({{"protocolVersion", version},
                                              {"capabilities", {{"tools", json::object()}}},
                                              {"serverInfo", {{"name", "s"}}}});
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->has_tools);
    EXPECT_EQ(read->server_name, "s");
  }
  const auto refused = read_initialize_result({{"protocolVersion", "1999-01-01"}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("1999-01-01"), std::string::npos);
  EXPECT_FALSE(read_initialize_result(json::object()));
  EXPECT_FALSE(read_initialize_result(json::array()));
}

TEST(Messages, ToolsPageKeepsSchemasAndAnnotations) {
  const auto page = read_tools_page(json::parse(R"({"nextCursor":"c","tools":[
      {"name":"a","description":"d","inputSchema":{"type":"object","properties":{"x":{"$ref":"#/$defs/x"}}},
       "outputSchema":{"type":"object"},"annotations":{"title":"A","readOnlyHint":true,"destructiveHint":false}},
      {"name":"b"},{"description":"no name"},7]})"));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_cursor, "c");
  EXPECT_EQ(page->unusable, 2U);
  ASSERT_EQ(page->tools.size(), 2U);
  EXPECT_EQ(page->tools[0].title, "A");
  EXPECT_EQ(page->tools[0].read_only, true);
  EXPECT_EQ(page->tools[0].destructive, false);
  EXPECT_FALSE(page->tools[0].idempotent);
  EXPECT_NE(page->tools[0].input_schema.find("$ref"), std::string::npos);
  EXPECT_EQ(page->tools[1].input_schema, R"({"type":"object"})");
  EXPECT_EQ(page->tools[1].output_schema, "");
  EXPECT_FALSE(read_tools_page(json::parse(R"({"tools":{}})")));
}

TEST(Messages, CallParamsCarryMeta) {
  const auto params = call_params({.tool = "t",
                                   .arguments = "{\n \"a\": \"x\\ny\"\n}",
                                   .idempotency_key = "k",
                                   .traceparent = "00-1",
                                   .progress_token = 5});
  ASSERT_TRUE(params);
  EXPECT_EQ(params->at("arguments").at("a"), "x\ny");
  EXPECT_EQ(params->at("_meta"),
            (json{{"idempotencyKey", "k"}, {"traceparent", "00-1"}, {"progressToken", 5}}));
  EXPECT_EQ(*call_params({.tool = "t"}), (json{{"arguments", json::object()}, {"name", "t"}}));
  for (const std::string_view bad : {"[]", "7", "{", "null"})
    EXPECT_FALSE(call_params({.tool = "t", .arguments = bad})) << bad;
}

TEST(Messages, CallResultKeepsContentStructureAndTheErrorMark) {
  const auto read = read_call_result(
      json::parse(R"({"content":[{"type":"text","text":"x"}],"structuredContent":{"a":1},"isError":true})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(json::parse(read->content).at(0).at("text"), "x");
  EXPECT_EQ(read->structured, R"({"a":1})");
  EXPECT_TRUE(read->is_error);
  EXPECT_EQ(read_call_result(json::parse(R"({"structuredContent":{}})"))->content, "[]");
  for (const char* bad : {"{}", "[]", R"({"content":"x"})", "null"})
    EXPECT_FALSE(read_call_result(json::parse(bad))) << bad;
}

TEST(Messages, ProgressOnlyWithATokenOfOurs) {
  const auto read =
      read_progress(json::parse(R"({"progressToken":4,"progress":0.5,"total":2,"message":"m"})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->token, 4);
  EXPECT_EQ(read->total, 2.0);
  EXPECT_EQ(read->message, "m");
  EXPECT_FALSE(read_progress(json::parse(R"({"progressToken":"x","progress":1})")));
  EXPECT_FALSE(read_progress(json::parse(R"({"progressToken":4})")));
}

}  // namespace
}  // namespace geminga::wire::mcp
