#include "base/metrics.hpp"

#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using testing::eventually;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::World;

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest() { world_.options.metrics = &metrics_; }
  std::size_t lines_with(std::string_view part) const {
    const auto text = metrics_.exposition();
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
  }
  /// As somebody who publishes straight to the topic.
  void signal(const std::string& tool) {
    ToolSignal signal;
    signal.request_id = base::random_uuid();
    signal.server_id = "fake";
    signal.tool_id = tool;
    signal.confidence = 1;
    signal.timestamp = base::Clock::system().wall_now();
    OutgoingMessage message;
    message.body = to_json(signal);
    message.key = signal.request_id;
    message.properties = {{"requestId", signal.request_id}};
    auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::tool_signals)}).value();
    ASSERT_TRUE(producer.send(message));
  }
  base::Metrics metrics_;
  World world_;
};

TEST_F(MetricsTest, CallsAreCountedByServerToolAndEnd) {
  world_.registry.add_tool("work", [](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::final, "refused");
  });
  world_.start();
  ASSERT_EQ(world_.query("echo one").status, 200);
  ASSERT_EQ(world_.query("echo two").status, 200);
  ASSERT_EQ(world_.query("run work").status, 500);
  const auto text = metrics_.exposition();
  EXPECT_THAT(text,
              HasSubstr(R"(geminga_orchestrator_calls_total{outcome="ok",server="fake",tool="echo"} 2)"));
  EXPECT_THAT(text,
              HasSubstr(R"(geminga_orchestrator_calls_total{outcome="final",server="fake",tool="work"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(geminga_orchestrator_call_seconds_count{server="fake",tool="echo"} 2)"));
}

TEST_F(MetricsTest, NamesThatStrangersSendMakeNoSeries) {
  world_.start();
  for (int i = 0; i < 20; ++i) signal("stranger-" + std::to_string(i));
  eventually("all have ended", [&] {
    return lines_with(R"(geminga_orchestrator_call_seconds_count{server="other",tool="other"} 20)") == 1;
  });
  EXPECT_EQ(lines_with("stranger-"), 0U);
}

TEST_F(MetricsTest, ToolsBehindTheFirstTwoHundredAreCountedTogether) {
  for (int i = 0; i < 210; ++i)
    world_.registry.add_tool("tool" + std::to_string(i),
                             [](std::size_t, const std::string&) { return FakeRegistry::text("done"); });
  world_.start();
  for (int i = 0; i < 210; ++i) signal("tool" + std::to_string(i));
  eventually("ten are counted together",
             [&] { return lines_with(R"(_calls_total{outcome="ok",server="other",tool="other"} 10)") == 1; });
  EXPECT_EQ(lines_with("geminga_orchestrator_call_seconds_count{"), 201U);
}

TEST_F(MetricsTest, EveryServiceAndEveryTopicHasItsNumbers) {
  world_.start();
  world_.ended(world_.submit("echo measured"));
  for (const auto* service :
       {R"(service="matcher",topic="userRequests")", R"(service="coordinator",topic="toolSignals")",
        R"(service="job-updater",topic="results")"}) {
    eventually(service, [&] {
      const auto text = metrics_.exposition();
      return text.contains(std::string("geminga_orchestrator_service_seconds_count{") + service + "} 1") &&
             text.contains(std::string("geminga_orchestrator_in_progress{") + service + "} 0");
    });
  }
  for (const auto& row : topic_table()) {
    const auto topic = "topic=\"" + std::string(to_string(row.role)) + "\"";
    EXPECT_THAT(metrics_.exposition(), HasSubstr("geminga_orchestrator_topic_messages{" + topic + "}"));
    for (const auto subscription : row.subscriptions)
      EXPECT_THAT(metrics_.exposition(), HasSubstr("geminga_orchestrator_backlog{subscription=\"" +
                                                   std::string(subscription) + "\"," + topic + "}"));
  }
}

}  // namespace
}  // namespace geminga::orchestrator
