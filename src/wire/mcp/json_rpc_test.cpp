#include "wire/mcp/json_rpc.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "wire/mcp/json_text.hpp"

namespace geminga::wire::mcp {
namespace {

Message one(std::string_view text) {
  auto messages = decode(text);
  EXPECT_TRUE(messages) << text << ": " << messages.error().message;
  return messages && messages->size() == 1 ? messages->front() : Message{};
}

TEST(JsonRpc, TellsTheFourKindsApart) {
  const Message request = one(R"({"jsonrpc":"2.0","id":"a","method":"ping"})");
  EXPECT_EQ(request.kind, MessageKind::request);
  EXPECT_EQ(request.id, "\"a\"");
  EXPECT_FALSE(request.number);
  EXPECT_EQ(one(R"({"jsonrpc":"2.0","method":"x","params":{"k":1}})").kind, MessageKind::notification);
  const Message response = one(R"({"jsonrpc":"2.0","id":7,"result":{"k":1}})");
  EXPECT_EQ(response.kind, MessageKind::response);
  EXPECT_EQ(response.number, 7);
  EXPECT_EQ(response.body->at("k"), 1);
  const Message error = one(R"({"jsonrpc":"2.0","id":7.0,"error":{"code":-32602,"message":"no"}})");
  EXPECT_EQ(error.kind, MessageKind::error);
  EXPECT_EQ(error.number, 7);
  EXPECT_EQ(error.error_code, kInvalidParams);
  EXPECT_EQ(error.error_message, "no");
  EXPECT_EQ(one(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700}})").kind, MessageKind::error);
}

TEST(JsonRpc, TakesBatchesApart) {
  const auto batch = decode(R"([{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","method":"x"}])");
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->size(), 2U);
  EXPECT_EQ(batch->at(1).method, "x");
}

TEST(JsonRpc, RefusesWhatIsNoMessage) {
  for (const std::string_view text :
       {"", "Listening on port 3000", "{", "nul", "\"x\"", "7", "[]", "[7]", "{}",
        R"({"jsonrpc":"1.0","id":1,"result":{}})", R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","id":{},"result":{}})", R"({"jsonrpc":"2.0","id":1,"error":"x"})",
        R"({"jsonrpc":"2.0","id":1,"error":{"code":"x"}})", R"({"jsonrpc":"2.0","result":{}})",
        R"({"jsonrpc":"2.0","id":1,"method":7})"}) {
    EXPECT_FALSE(decode(text)) << text;
  }
}

TEST(JsonRpc, ReplacesInvalidUtf8InsteadOfLosingTheAnswer) {
  const Message message =
      one("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"t\":\"a\xFF\xC0\xAF z\xED\xA0\x80\"}}");
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(message.body->at("t"), "a" + mark + mark + mark + " z" + mark + mark + mark);
  EXPECT_EQ(replace_invalid_utf8("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST(JsonRpc, RefusesNestingThatWouldNeedTooMuchStack) {
  const auto nested = [](std::size_t levels) {
    return R"({"jsonrpc":"2.0","id":1,"result":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_TRUE(decode(nested(kMaxJsonDepth - 1)));
  EXPECT_FALSE(decode(nested(kMaxJsonDepth)));
  EXPECT_FALSE(decode(nested(1'000'000)));
  EXPECT_TRUE(decode(R"({"jsonrpc":"2.0","id":1,"result":")" + std::string(1'000, '[') + "\"}"));
}

TEST(JsonRpc, WritesWhatItReads) {
  const Message request = one(encode_request(3, "tools/list", R"({"cursor":"x"})"));
  EXPECT_EQ(request.number, 3);
  EXPECT_EQ(request.method, "tools/list");
  EXPECT_EQ(request.body->at("cursor"), "x");
  EXPECT_EQ(one(encode_request(3, "ping", "")).body, nullptr);
  EXPECT_EQ(one(encode_notification("n", "")).kind, MessageKind::notification);
  EXPECT_EQ(one(encode_result("\"a\"", "{}")).id, "\"a\"");
  const Message error = one(encode_error("9", kMethodNotFound, "a \"quoted\"\nword"));
  EXPECT_EQ(error.error_message, "a \"quoted\"\nword");
  EXPECT_EQ(encode_error("9", 1, "a\nb").find('\n'), std::string::npos);
}

TEST(JsonRpc, FindsTheIdOfAnAnswerOverTheLimit) {
  EXPECT_EQ(response_id_at_edges(R"({"jsonrpc":"2.0","id":12,"result":{"con)", "xx"), 12);
  EXPECT_EQ(response_id_at_edges(R"({"jsonrpc": "2.0", "id": 12, "result": {"con)", "xx"), 12);
  EXPECT_EQ(response_id_at_edges(R"({"result":{"content":)", R"(aaa"}]},"jsonrpc":"2.0","id":13})"), 13);
  EXPECT_EQ(response_id_at_edges(R"({"id":12,"jsonrpc":"2.0","result":{"con)", R"("id":13}]})"), 12);
  EXPECT_EQ(response_id_at_edges(R"({"result":"aa)", R"(aaa", "id": 14 })"), 14);
  EXPECT_FALSE(response_id_at_edges(R"({"jsonrpc":"2.0","id":12,"method":"sampling)", "xx"));
  EXPECT_FALSE(response_id_at_edges(R"({"id":12)", "xx"));
  EXPECT_FALSE(response_id_at_edges(R"({"id":"12","result":)", "xx"));
  EXPECT_FALSE(response_id_at_edges(R"({"result":)", R"("id":)"));
  EXPECT_FALSE(response_id_at_edges("noise", R"("jsonrpc":"2.0","id":13})"));
  EXPECT_FALSE(response_id_at_edges(R"({"result":{"content":)", R"("jsonrpc":"2.0","id":13}]})"));
  EXPECT_FALSE(response_id_at_edges("", ""));
}

}  // namespace
}  // namespace geminga::wire::mcp
