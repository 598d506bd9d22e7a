#include "wire/mcp/stateless.hpp"

#include <gtest/gtest.h>

namespace geminga::wire::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

TEST(Stateless, EveryRequestSaysWhoAsksAndWhatMayComeBack) {
  const json meta = request_meta("geminga", "1", false);
  EXPECT_EQ(meta.at("io.modelcontextprotocol/protocolVersion"), "2026-07-28");
  EXPECT_EQ(meta.at("io.modelcontextprotocol/clientInfo"), (json{{"name", "geminga"}, {"version", "1"}}));
  const json& capabilities = meta.at("io.modelcontextprotocol/clientCapabilities");
  EXPECT_TRUE(capabilities.at("extensions").contains("io.modelcontextprotocol/tasks"));
  EXPECT_FALSE(capabilities.contains("elicitation"));
  EXPECT_TRUE(request_meta("g", "1", true)
                  .at("io.modelcontextprotocol/clientCapabilities")
                  .at("elicitation")
                  .contains("form"));
}

TEST(Stateless, Discovery) {
  const auto read = read_discover_result(json::parse(
      R"({"supportedVersions":["2026-07-28",7],"capabilities":{"tools":{"listChanged":true}},
          "_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->versions, std::vector<std::string>{"2026-07-28"});
  EXPECT_EQ(read->server_name + read->server_version, "s2");
  EXPECT_TRUE(read->has_tools);
  EXPECT_TRUE(read->tells_list_changes);
  const auto bare =
      read_discover_result(json::parse(R"({"supportedVersions":["x"],"serverInfo":{"name":"t"}})"));
  EXPECT_EQ(bare->server_name, "t");
  EXPECT_FALSE(bare->has_tools);
  for (const char* bad : {"{}", "7", "null", R"({"supportedVersions":[]})", R"({"tools":[]})"})
    EXPECT_FALSE(read_discover_result(json::parse(bad))) << bad;
  EXPECT_EQ(supported_versions(json::parse(R"({"supported":["a","b"]})")),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(supported_versions(nullptr).empty());
}

TEST(Stateless, ResultsHaveAType) {
  EXPECT_EQ(result_type(json::parse(R"({"content":[]})")), ResultType::complete);
  EXPECT_EQ(result_type(json::parse(R"({"resultType":"complete"})")), ResultType::complete);
  EXPECT_EQ(result_type(json::parse(R"({"resultType":"input_required"})")), ResultType::input_required);
  EXPECT_EQ(result_type(json::parse(R"({"resultType":"task"})")), ResultType::task);
  EXPECT_EQ(result_type(json::parse(R"({"resultType":7})")), ResultType::unknown);
}

TEST(Stateless, InputThatIsRequired) {
  const auto read = read_input_required(json::parse(
      R"({"inputRequests":{"a":{"method":"elicitation/create","params":{"message":"m"}},"b":{"method":"roots/list"}},
          "requestState":"s"})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->state, "s");
  EXPECT_EQ(read->requests.at("a").params.at("message"), "m");
  EXPECT_EQ(read->requests.at("b").params, json::object());
  EXPECT_FALSE(read_input_required(json::parse(R"({"inputRequests":{}})"))->state);
  EXPECT_EQ(read_input_required(json::parse(R"({"requestState":""})"))->state, "");
  for (const char* bad :
       {"{}", R"({"inputRequests":[]})", R"({"inputRequests":{"a":{}}})", R"({"inputRequests":{"a":7}})"})
    EXPECT_FALSE(read_input_required(json::parse(bad))) << bad;
}

TEST(Stateless, Tasks) {
  const auto working = read_task(json::parse(
      R"({"taskId":"t","status":"working","statusMessage":"half","pollIntervalMs":200,"requestState":"s"})"));
  ASSERT_TRUE(working);
  EXPECT_EQ(working->id + working->message, "thalf");
  EXPECT_EQ(working->poll_after, milliseconds{200});
  EXPECT_EQ(working->state, "s");
  const auto failed =
      read_task(json::parse(R"({"taskId":"t","status":"failed","error":{"code":-32000,"message":"no"}})"));
  EXPECT_EQ(failed->error_code, -32000);
  EXPECT_EQ(failed->error_message, "no");
  EXPECT_EQ(read_task(json::parse(R"({"taskId":"t","status":"completed","result":{"content":[]}})"))->result,
            json::parse(R"({"content":[]})"));
  EXPECT_EQ(read_task(json::parse(
                          R"({"taskId":"t","status":"input_required","inputRequests":{"a":{"method":"m"}}})"))
                ->requests.size(),
            1U);
  for (const char* wish : {"-1", "0", "1e300"}) {
    const auto task = read_task(
        json::parse(R"({"taskId":"t","status":"working","pollIntervalMs":)" + std::string(wish) + "}"));
    EXPECT_GE(task->poll_after, milliseconds{50}) << wish;
    EXPECT_LE(task->poll_after, milliseconds{60'000}) << wish;
  }
  for (const char* bad :
       {"{}", R"({"taskId":"t"})", R"({"taskId":"t","status":"lost"})", R"({"status":"working"})", "7"})
    EXPECT_FALSE(read_task(json::parse(bad))) << bad;
}

}  // namespace
}  // namespace geminga::wire::mcp
