#include "orchestrator/topics.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace geminga::orchestrator {
namespace {

std::map<std::string, std::string, std::less<>> g_variables;
const char* variable(const char* name) {
  const auto found = g_variables.find(name);
  return found == g_variables.end() ? nullptr : found->second.c_str();
}

Result<Topics> resolve(TopicStyle style, std::map<std::string, std::string, std::less<>> variables) {
  g_variables = std::move(variables);
  return Topics::resolve(style, variable);
}

struct NameCase {
  TopicStyle style;
  std::map<std::string, std::string, std::less<>> variables;
  TopicRole role;
  std::string expected;
};

TEST(TopicsTest, NamesFollowTheTable) {
  const NameCase cases[] = {
      {TopicStyle::pulsar, {}, TopicRole::user_requests, "persistent://mcp-core/orchestrator/user-requests"},
      {TopicStyle::pulsar, {}, TopicRole::tool_signals, "persistent://mcp-core/orchestrator/tool-signals"},
      {TopicStyle::pulsar, {}, TopicRole::dead_letters, "persistent://mcp-core/orchestrator/dlq"},
      {TopicStyle::pulsar, {}, TopicRole::plans, "persistent://mcp-core/orchestrator/plans"},
      {TopicStyle::pulsar, {}, TopicRole::results, "persistent://mcp-core/orchestrator/results"},
      {TopicStyle::pulsar,
       {},
       TopicRole::executions,
       "persistent://mcp-core/orchestrator/orchestrator-executions"},
      {TopicStyle::pulsar,
       {},
       TopicRole::first_retry,
       "persistent://mcp-core/orchestrator/tool-signals-retry-5s"},
      {TopicStyle::kafka, {}, TopicRole::later_retry, "tool-signals-retry-30s"},
      {TopicStyle::kafka, {{"KAFKA_TOPIC_TOOL_SIGNALS_RETRY_30S", "slow"}}, TopicRole::later_retry, "slow"},
      {TopicStyle::kafka, {}, TopicRole::user_requests, "user-requests"},
      {TopicStyle::kafka, {}, TopicRole::dead_letters, "tool-signals-dlq"},
      {TopicStyle::kafka, {}, TopicRole::plans, "orchestrator-plans"},
      {TopicStyle::kafka, {}, TopicRole::results, "orchestrator-results"},
      {TopicStyle::pulsar,
       {{"PULSAR_NAMESPACE", "public/default"}},
       TopicRole::plans,
       "persistent://public/default/plans"},
      {TopicStyle::pulsar,
       {{"PULSAR_NAMESPACE", "a/b"}, {"PULSAR_TOPIC_TOOL_SIGNALS", "mine"}},
       TopicRole::tool_signals,
       "persistent://a/b/mine"},
      {TopicStyle::pulsar,
       {{"KAFKA_TOPIC_USER_REQUESTS", "theirs"}},
       TopicRole::user_requests,
       "persistent://mcp-core/orchestrator/theirs"},
      {TopicStyle::pulsar,
       {{"KAFKA_TOPIC_USER_REQUESTS", "theirs"}, {"PULSAR_TOPIC_USER_REQUESTS", "persistent://x/y/z"}},
       TopicRole::user_requests,
       "persistent://x/y/z"},
      {TopicStyle::kafka, {{"KAFKA_TOPIC_ORCHESTRATOR_RESULTS", "answers"}}, TopicRole::results, "answers"},
      {TopicStyle::kafka, {{"PULSAR_NAMESPACE", "a/b"}}, TopicRole::results, "orchestrator-results"},
      {TopicStyle::kafka,
       {{"KAFKA_TOPIC_TOOL_SIGNALS_DLQ", ""}},
       TopicRole::dead_letters,
       "tool-signals-dlq"},
  };
  for (const auto& row : cases) {
    const auto topics = resolve(row.style, row.variables);
    ASSERT_TRUE(topics) << topics.error().message;
    EXPECT_EQ(topics->of(row.role), row.expected);
  }
}

TEST(TopicsTest, AWrongNameIsRefusedWithItsVariable) {
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"PULSAR_NAMESPACE", "only-one-part"},
                                          {"PULSAR_NAMESPACE", "a/b/c"},
                                          {"PULSAR_TOPIC_TOOL_SIGNALS", "a b"},
                                          {"KAFKA_TOPIC_USER_REQUESTS", "a/b"},
                                          {"PULSAR_TOPIC_USER_REQUESTS", "dlq"}}) {
    const auto topics = resolve(TopicStyle::pulsar, {{name, value}});
    ASSERT_FALSE(topics) << name << '=' << value;
    EXPECT_EQ(topics.error().code, ErrorCode::config_error);
    EXPECT_NE(topics.error().message.find(value), std::string::npos) << topics.error().message;
  }
}

TEST(TopicsTest, RetentionFollowsTheTable) {
  using std::chrono::hours;
  const std::optional<std::chrono::seconds> expected[] = {
      hours{168}, hours{24}, std::nullopt, hours{24}, hours{1}, hours{720}, hours{24}, hours{24}, hours{24}};
  for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
    EXPECT_EQ(topic_table().at(i).role, static_cast<TopicRole>(i));
    EXPECT_EQ(topic_table().at(i).retention, expected[i]) << i;
  }
}

TEST(TopicsTest, ATopicKnowsItsNamespace) {
  const auto topics =
      resolve(TopicStyle::pulsar, {{"PULSAR_TOPIC_ORCHESTRATOR_PLANS", "persistent://else/where/plans"}})
          .value();
  for (const auto& row : topic_table()) {
    EXPECT_EQ(topics.home_of(topics.of(row.role)), "");
    EXPECT_EQ(topics.home_of(topics.of(row.role, "acme/ann-orchestrator")), "acme/ann-orchestrator");
  }
  const auto kafka = resolve(TopicStyle::kafka, {}).value();
  EXPECT_EQ(kafka.home_of(kafka.of(TopicRole::plans)), "");
  EXPECT_EQ(kafka.home_of("of/somebody/else"), "");
}

TEST(TopicsTest, TheStyleFollowsTheBus) {
  EXPECT_EQ(topic_style_of("embedded:/tmp/x"), TopicStyle::pulsar);
  EXPECT_EQ(topic_style_of("pulsar+ssl://host"), TopicStyle::pulsar);
  EXPECT_EQ(topic_style_of("kafka://host"), TopicStyle::kafka);
}

}  // namespace
}  // namespace geminga::orchestrator
