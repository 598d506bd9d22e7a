#include "orchestrator/topics.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::hours;
constexpr std::string_view kDefaultNamespace = "mcp-core/orchestrator";
constexpr std::string_view kPersistent = "persistent://";

const char* from_process(const char* name) {
  return std::getenv(name);
}

/// The first variable that is set and not empty.
std::optional<std::pair<std::string, std::string>> variable(Environment environment,
                                                            std::initializer_list<std::string> names) {
  for (const auto& name : names)
    if (const char* value = environment(name.c_str()); value != nullptr && *value != '\0')
      return std::pair{name, std::string(value)};
  return std::nullopt;
}

bool plain_part(std::string_view part) {
  return !part.empty() && part.find_first_of(" \t\r\n:?#\\") == std::string_view::npos;
}

Result<> check_namespace(std::string_view text) {
  const auto slash = text.find('/');
  const bool fits = slash != std::string_view::npos && text.find('/', slash + 1) == std::string_view::npos &&
                    plain_part(text.substr(0, slash)) && plain_part(text.substr(slash + 1));
  if (fits) return {};
  return fail(ErrorCode::config_error,
              fmt::format("PULSAR_NAMESPACE='{}' is no namespace; write tenant/namespace, for example {}",
                          text, kDefaultNamespace));
}

Result<std::string> place(TopicStyle style, const std::string& variable_name, std::string value,
                          std::string_view tenant_namespace) {
  const bool full = value.find("://") != std::string::npos;
  if (style == TopicStyle::pulsar && full) return value;  // the bus checks the rest of the form
  if (full || !plain_part(value) || value.find('/') != std::string::npos)
    return fail(ErrorCode::config_error,
                fmt::format("{}='{}' is no topic name; write a bare name{}", variable_name, value,
                            style == TopicStyle::pulsar ? " or persistent://tenant/namespace/topic" : ""));
  if (style == TopicStyle::kafka) return value;
  return fmt::format("{}{}/{}", kPersistent, tenant_namespace, value);
}

}  // namespace

TopicStyle topic_style_of(std::string_view bus_url) {
  return bus_url.starts_with("embedded:") || bus_url.starts_with("pulsar") ? TopicStyle::pulsar
                                                                           : TopicStyle::kafka;
}

const std::array<TopicRow, kTopicRoleCount>& topic_table() {
  static const std::array<TopicRow, kTopicRoleCount> kTable{{
      {TopicRole::user_requests,
       "USER_REQUESTS",
       "user-requests",
       "user-requests",
       hours{7 * 24},
       {kMatcherSubscription, kFallbackSubscription}},
      {TopicRole::tool_signals,
       "TOOL_SIGNALS",
       "tool-signals",
       "tool-signals",
       hours{24},
       {kCoordinatorSubscription}},
      {TopicRole::dead_letters, "TOOL_SIGNALS_DLQ", "tool-signals-dlq", "dlq", std::nullopt, {}},
      {TopicRole::plans,
       "ORCHESTRATOR_PLANS",
       "orchestrator-plans",
       "plans",
       hours{24},
       {kCoordinatorSubscription}},
      {TopicRole::results,
       "ORCHESTRATOR_RESULTS",
       "orchestrator-results",
       "results",
       hours{1},
       {kUpdaterSubscription}},
      {TopicRole::executions, "", "orchestrator-executions", "orchestrator-executions", hours{30 * 24}, {}},
      {TopicRole::first_retry,
       "TOOL_SIGNALS_RETRY_5S",
       "tool-signals-retry-5s",
       "tool-signals-retry-5s",
       hours{24},
       {kRetrySubscription}},
      {TopicRole::later_retry,
       "TOOL_SIGNALS_RETRY_30S",
       "tool-signals-retry-30s",
       "tool-signals-retry-30s",
       hours{24},
       {kRetrySubscription}},
      {TopicRole::webhooks, "", "orchestrator-webhooks", "webhooks", hours{24}, {kWebhookSubscription}},
  }};
  return kTable;
}

std::string_view to_string(TopicRole role) {
  constexpr std::array<std::string_view, kTopicRoleCount> kNames{"userRequests", "toolSignals", "deadLetters",
                                                                 "plans",        "results",     "executions",
                                                                 "firstRetry",   "laterRetry",  "webhooks"};
  return kNames.at(static_cast<std::size_t>(role));
}

std::string Topics::of(TopicRole role, std::string_view name_space) const {
  const std::string& name = of(role);
  if (name_space.empty()) return name;
  return fmt::format("{}{}/{}", kPersistent, name_space, name.substr(name.rfind('/') + 1));
}

std::string_view Topics::home_of(std::string_view topic) const {
  const auto last = topic.rfind('/');
  if (std::ranges::find(names, topic) != names.end() || !topic.starts_with(kPersistent) ||
      last < kPersistent.size())
    return {};
  return topic.substr(kPersistent.size(), last - kPersistent.size());
}

Topics Topics::in(const std::string& name_space) const {
  Topics there{.names = {}, .tenant_namespace = name_space};
  for (const auto& row : topic_table())
    there.names[static_cast<std::size_t>(row.role)] = of(row.role, name_space);
  return there;
}

Result<Topics> Topics::resolve(TopicStyle style, Environment environment) {
  if (environment == nullptr) environment = from_process;
  Topics topics;
  if (style == TopicStyle::pulsar) {
    const auto set = variable(environment, {"PULSAR_NAMESPACE"});
    topics.tenant_namespace = set ? set->second : std::string(kDefaultNamespace);
    GEMINGA_TRY_VOID(check_namespace(topics.tenant_namespace));
  }
  std::set<std::string> seen;
  for (const auto& row : topic_table()) {
    const std::string role(row.variable);
    const auto set =
        role.empty() ? std::nullopt : variable(environment, {"PULSAR_TOPIC_" + role, "KAFKA_TOPIC_" + role});
    const std::string fallback(style == TopicStyle::pulsar ? row.pulsar_name : row.kafka_name);
    GEMINGA_TRY(auto name, place(style, set ? set->first : "default", set ? set->second : fallback,
                                 topics.tenant_namespace));
    if (!seen.insert(name).second)
      return fail(ErrorCode::config_error,
                  fmt::format("topic '{}' stands for two roles, also for {}; give {} a name of its own", name,
                              to_string(row.role), set ? set->first : "the other one"));
    topics.names[static_cast<std::size_t>(row.role)] = std::move(name);
  }
  return topics;
}

}  // namespace geminga::orchestrator
