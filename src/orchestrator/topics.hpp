#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/admin.hpp>
#include <geminga/error.hpp>

namespace geminga::orchestrator {

enum class TopicRole : std::uint8_t {
  user_requests,
  tool_signals,
  dead_letters,
  plans,
  results,
  executions,
  first_retry,  ///< used where retries wait in topics
  later_retry,
  webhooks,
};
inline constexpr std::size_t kTopicRoleCount = 9;

/// `pulsar`: "persistent://mcp-core/orchestrator/plans"; also on the embedded bus. `kafka`:
/// "orchestrator-plans".
enum class TopicStyle : std::uint8_t { pulsar, kafka };
/// The style that a bus of this URL takes.
TopicStyle topic_style_of(std::string_view bus_url);

/// One row of the table of topics.
struct TopicRow {
  TopicRole role;
  std::string_view variable;  ///< ROLE of PULSAR_TOPIC_<ROLE> and KAFKA_TOPIC_<ROLE>; empty: no override
  std::string_view kafka_name;
  std::string_view pulsar_name;
  std::optional<std::chrono::seconds> retention;  ///< nothing: for ever
  std::vector<std::string_view> subscriptions;
};
/// In the order of TopicRole. Lives for ever.
const std::array<TopicRow, kTopicRoleCount>& topic_table();
std::string_view to_string(TopicRole role);

// Names of the durable subscriptions.
inline constexpr std::string_view kMatcherSubscription = "mcp-matcher";
inline constexpr std::string_view kFallbackSubscription = "intent-scorer";
inline constexpr std::string_view kCoordinatorSubscription = "mcp-orchestrator-coordinator";
inline constexpr std::string_view kUpdaterSubscription = "orchestrator-job-result-updater";
inline constexpr std::string_view kRetrySubscription = "orchestrator-retry-worker";
inline constexpr std::string_view kWebhookSubscription = "orchestrator-webhook-sender";

/// Finds a variable of the environment; nullptr when it is not set.
using Environment = const char* (*)(const char* name);

/// The names that the services use.
struct Topics {
  std::array<std::string, kTopicRoleCount> names;
  std::string tenant_namespace;  ///< "mcp-core/orchestrator"; empty with the kafka style
  [[nodiscard]] const std::string& of(TopicRole role) const { return names[static_cast<std::size_t>(role)]; }
  /// The same topic in another namespace: "persistent://<name_space>/<its own name>". Empty: as above.
  [[nodiscard]] std::string of(TopicRole role, std::string_view name_space) const;
  /// Where a topic lies, as of() takes it. Empty: it is one of these, or none of the pulsar style.
  [[nodiscard]] std::string_view home_of(std::string_view topic) const;
  /// All of them there.
  [[nodiscard]] Topics in(const std::string& name_space) const;

  /// PULSAR_TOPIC_<ROLE>, then KAFKA_TOPIC_<ROLE>, then the default; PULSAR_NAMESPACE moves the defaults, and
  /// a bare name is put under it. Errors: config_error (a name or namespace of wrong form, one topic in two
  /// roles), with the variable.
  static Result<Topics> resolve(TopicStyle style, Environment environment = nullptr);
};

/// Makes tenant, namespace, topics with their retention and every subscription at the earliest position;
/// what exists stays. Blocks.
Result<> set_up_topics(Admin& admin, const Topics& topics);

}  // namespace geminga::orchestrator
