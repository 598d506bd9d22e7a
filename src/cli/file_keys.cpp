#include "cli/file_keys.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <limits>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.hpp"
#include "cli/verb.hpp"
#include "orchestrator/limits.hpp"

namespace geminga::cli {
namespace {

using mcp::ServerSettings;
using orchestrator::OrchestratorSettings;
using orchestrator::PlannerSettings;
using std::chrono::milliseconds;

/// Both ends are allowed; milliseconds for a duration.
struct Limits {
  std::int64_t min = 1;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::size_t kListMax = 10;
/// In the order of RetryMode.
constexpr std::array<std::string_view, 3> kRetryModes{"auto", "native", "topics"};

/// As people write it: 250ms, 60s, 24h, 7d.
std::string duration_text(std::int64_t ms) {
  if (ms > 24 * kHour && ms % (24 * kHour) == 0) return fmt::format("{}d", ms / (24 * kHour));
  if (ms % kHour == 0) return fmt::format("{}h", ms / kHour);
  return ms % kSecond == 0 ? fmt::format("{}s", ms / kSecond) : fmt::format("{}ms", ms);
}

std::string text_of(bool value) {
  return value ? "true" : "false";
}
std::string text_of(std::unsigned_integral auto value) {
  return std::to_string(value);
}
std::string text_of(double value) {
  return fmt::format("{}", value);
}
std::string text_of(milliseconds value) {
  return '"' + duration_text(value.count()) + '"';
}
std::string text_of(const std::string& value) {
  return '"' + value + '"';
}
std::string text_of(mcp::Protocol value) {
  return value == mcp::Protocol::mcp ? R"("mcp")" : R"("invoke")";
}
std::string text_of(mcp::Elicitation value) {
  return value == mcp::Elicitation::refuse ? R"("refuse")" : R"("defaults")";
}
std::string text_of(mcp::RetryPolicy value) {
  switch (value) {
    case mcp::RetryPolicy::never:
      return R"("never")";
    case mcp::RetryPolicy::always:
      return R"("always")";
    case mcp::RetryPolicy::retry_unknown:
      return R"("retry_unknown")";
  }
  return {};
}
std::string text_of(orchestrator::RetryMode value) {
  return '"' + std::string(kRetryModes.at(static_cast<std::size_t>(value))) + '"';
}
std::string text_of(const std::set<std::string>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}
std::string text_of(const std::set<auth::Permission>& values) {
  std::vector<std::string> names;
  names.reserve(values.size());
  for (const auto value : values) names.push_back('"' + std::string(to_string(value)) + '"');
  return fmt::format("[{}]", fmt::join(names, ", "));
}
std::string text_of(const std::vector<milliseconds>& values) {
  std::vector<std::string> parts;
  parts.reserve(values.size());
  for (const auto value : values) parts.push_back(text_of(value));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

Result<> read(std::string_view text, Limits, bool& into) {
  if (text != "true" && text != "false")
    return fail(ErrorCode::config_error, fmt::format("'{}' is neither true nor false", text));
  into = text == "true";
  return {};
}

template <std::unsigned_integral Number>
Result<> read(std::string_view text, Limits limits, Number& into) {
  limits.max = std::min(limits.max, std::int64_t{std::numeric_limits<std::uint32_t>::max()});
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < limits.min || number > limits.max)
    return fail(ErrorCode::config_error, fmt::format("'{}' does not do; write a whole number from {} to {}",
                                                     text, limits.min, limits.max));
  into = static_cast<Number>(number);
  return {};
}

Result<> read(std::string_view text, Limits, double& into) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !(number >= 0 && number <= 1))
    return fail(ErrorCode::config_error,
                fmt::format("'{}' does not do; write a number from 0 to 1, for example 0.7", text));
  into = number;
  return {};
}

Result<> read(std::string_view text, Limits limits, milliseconds& into) {
  const auto duration = parse_duration(text);
  if (!duration) return fail(ErrorCode::config_error, duration.error().message);
  if (duration->count() < limits.min || duration->count() > limits.max)
    return fail(ErrorCode::config_error, fmt::format("'{}' does not do; write a duration from {} to {}", text,
                                                     duration_text(limits.min), duration_text(limits.max)));
  into = *duration;
  return {};
}

Result<> read(std::string_view text, Limits limits, std::string& into) {
  if (text.empty() && limits.min > 0) return fail(ErrorCode::config_error, "it is empty");
  into = text;
  return {};
}
Result<> read(std::string_view text, Limits, mcp::Protocol& into) {
  GEMINGA_TRY(into, mcp::parse_protocol(text));
  return {};
}
Result<> read(std::string_view text, Limits, mcp::Elicitation& into) {
  GEMINGA_TRY(into, mcp::parse_elicitation(text));
  return {};
}
Result<> read(std::string_view text, Limits, mcp::RetryPolicy& into) {
  GEMINGA_TRY(into, mcp::parse_retry_policy(text));
  return {};
}

Result<> read(std::string_view text, Limits, orchestrator::RetryMode& into) {
  const auto found = std::ranges::find(kRetryModes, text);
  if (found == kRetryModes.end())
    return fail(ErrorCode::config_error,
                fmt::format("'{}' does not do; use {}", text, fmt::join(kRetryModes, ", ")));
  into = static_cast<orchestrator::RetryMode>(found - kRetryModes.begin());
  return {};
}

/// A key that holds one value.
template <class Value>
Result<> read_all(std::span<const std::string> values, Limits limits, Value& into) {
  if (values.size() != 1)
    return fail(ErrorCode::config_error,
                fmt::format("it is a list of {} values; write one value", values.size()));
  return read(values.front(), limits, into);
}
Result<> read_all(std::span<const std::string> values, Limits limits, std::vector<milliseconds>& into) {
  std::vector<milliseconds> read_values;
  for (const std::string& value : values) GEMINGA_TRY_VOID(read(value, limits, read_values.emplace_back()));
  if (values.empty() || values.size() > kListMax)
    return fail(ErrorCode::config_error,
                fmt::format(R"(it has {} values; write 1 to {}, for example ["5s", "30s"])", values.size(),
                            kListMax));
  into = std::move(read_values);
  return {};
}
Result<> read_all(std::span<const std::string> values, Limits, std::set<std::string>& into) {
  if (std::ranges::find(values, "") != values.end())
    return fail(ErrorCode::config_error, "a name in it is empty");
  into = {values.begin(), values.end()};
  return {};
}
Result<> read_all(std::span<const std::string> values, Limits, std::set<auth::Permission>& into) {
  into.clear();
  for (const std::string& name : values) {
    GEMINGA_TRY(const auth::Permission permission, auth::parse_permission(name));
    into.insert(permission);
  }
  return {};
}

template <auto Member, std::int64_t Min = Limits{}.min, std::int64_t Max = Limits{}.max, class Target>
constexpr FileKey<Target> row(std::string_view name, std::string_view help) {
  return {.name = name,
          .help = help,
          .apply =
              [](Target& target, std::span<const std::string> values) {
                return read_all(values, {.min = Min, .max = Max}, target.*Member);
              },
          .show = [](const Target& target) { return text_of(target.*Member); }};
}
template <class Target>
constexpr FileKey<Target> placed(FileKey<Target> key, Place place) {
  key.place = place;
  return key;
}
template <auto Member, std::int64_t Min = Limits{}.min, std::int64_t Max = Limits{}.max>
constexpr auto server(std::string_view name, std::string_view help) {
  return row<Member, Min, Max, ServerSettings>(name, help);
}
template <auto Member, std::int64_t Min = Limits{}.min, std::int64_t Max = Limits{}.max>
constexpr auto orchestration(std::string_view name, std::string_view help) {
  return row<Member, Min, Max, OrchestratorSettings>(name, help);
}

template <auto Member, std::int64_t Min = Limits{}.min, std::int64_t Max = Limits{}.max>
constexpr auto planning(std::string_view name, std::string_view help) {
  return row<Member, Min, Max, PlannerSettings>(name, help);
}

constexpr FileKey<ServerSettings> kServerTable[] = {
    server<&ServerSettings::protocol>("protocol", "mcp, or invoke: POST URL/mcp/invoke {tool, arguments}"),
    server<&ServerSettings::retry>(
        "retry", "a call whose outcome is not known: never, always, or by what the tool says of itself"),
    server<&ServerSettings::retry_tool_errors>("retry_tool_errors",
                                               "an answer with isError is a failure like any other"),
    server<&ServerSettings::timeout, 1, 24 * kHour>("timeout", "of one call"),
    server<&ServerSettings::start_timeout, 1, kHour>(
        "start_timeout", "from the start of the program to the end of its tool list"),
    server<&ServerSettings::max_concurrent>("max_concurrent", "calls at once"),
    server<&ServerSettings::max_queued>("max_queued", "calls that wait for a place"),
    server<&ServerSettings::max_per_second, 0>("max_per_second",
                                               "calls; above, they come later; 0: no limit"),
    server<&ServerSettings::breaker_failures, 0>(
        "breaker_failures", "failures in a row until its circuit breaker opens; 0: never"),
    server<&ServerSettings::breaker_pause, 1, 24 * kHour>(
        "breaker_pause", "how long an open breaker holds calls back before one may try"),
    server<&ServerSettings::max_message_bytes>("max_message_bytes", "one message from the server"),
    server<&ServerSettings::elicitation>(
        "elicitation", "to a server that asks for values: refuse, or the defaults of its form"),
    server<&ServerSettings::check_structured>(
        "check_structured", "a structured answer that does not fit its outputSchema is a failure"),
    server<&ServerSettings::tools_hash, 0>("tools_hash",
                                           "of the only list of tools that may be called; empty: any"),
};

constexpr FileKey<OrchestratorSettings> kOrchestratorTable[] = {
    orchestration<&OrchestratorSettings::max_attempts, 1, 100>(
        "max_attempts", "calls of one request before it goes to the dead letters"),
    orchestration<&OrchestratorSettings::retry_delays, 1, 24 * kHour>(
        "retry_delays", "before the first retry, then before later ones; the last value for all that follow"),
    orchestration<&OrchestratorSettings::retry>(
        "retry", "where a retry waits: native on the bus, topics with the retry worker, auto as the bus can"),
    orchestration<&OrchestratorSettings::query_timeout, 1, kHour>(
        "query_timeout", "how long POST query waits before it answers 504; the job goes on"),
    orchestration<&OrchestratorSettings::plan_window, 1, kHour>(
        "plan_window", "how long the matcher may be silent before a request gets a plan"),
    orchestration<&OrchestratorSettings::lease, kSecond, kHour>(
        "lease", "how long a claim outlives a coordinator that does not renew it"),
    orchestration<&OrchestratorSettings::job_retention, 0, 3'650 * 24 * kHour>(
        "job_retention", "how long jobs that have ended are kept, with their history; 0s: for ever"),
    orchestration<&OrchestratorSettings::confidence_threshold>("confidence_threshold",
                                                               "below it no tool is called, from 0 to 1"),
    orchestration<&OrchestratorSettings::execute_plans>(
        "execute_plans", "the steps of a model's plan are called, one after the other"),
    orchestration<&OrchestratorSettings::query_bytes_max, 1, orchestrator::kQueryBytesLimit>(
        "query_bytes_max", "of one sentence"),
    orchestration<&OrchestratorSettings::waiting_queries_max, 1, 1'000'000>(
        "waiting_queries_max", "queries that wait for their answer; above, 503"),
    orchestration<&OrchestratorSettings::calls_max, 1, 100'000>(
        "calls_max", "tool calls in flight; above, signals wait on the bus"),
    orchestration<&OrchestratorSettings::namespaces_max, 1, 10'000>(
        "namespaces_max", "of tenants, each has a few threads; above, 429"),
    placed(orchestration<&OrchestratorSettings::webhook_secret_key, 0>(
               "webhook_secret_key",
               "webhooks are signed with it: a file, or data:;base64,TEXT; 32 to 64 bytes; empty: nobody is "
               "told"),
           Place::key),
    orchestration<&OrchestratorSettings::webhook_url, 0>(
        "webhook_url", "told of the end of each job that names nobody else; empty: none"),
    orchestration<&OrchestratorSettings::webhook_timeout, 1, kHour>("webhook_timeout", "of one attempt"),
    orchestration<&OrchestratorSettings::webhook_private_network>(
        "webhook_private_network", "jobs may name http, this machine and private networks"),
};

template <auto Member>
constexpr auto authentication(std::string_view name, std::string_view help) {
  return row<Member, 1, Limits{}.max, auth::AuthSettings>(name, help);
}

constexpr FileKey<auth::AuthSettings> kAuthTable[] = {
    placed(authentication<&auth::AuthSettings::token_secret_key>(
               "token_secret_key",
               "tokens are signed by HS256 with this key: file:///path or data:;base64,TEXT"),
           Place::key),
    placed(authentication<&auth::AuthSettings::token_public_key>(
               "token_public_key", "or by RS256 or ES256, with the private key of this one"),
           Place::key),
    authentication<&auth::AuthSettings::token_audience>("token_audience", "what 'aud' of a token must name"),
    authentication<&auth::AuthSettings::superuser_roles>("superuser_roles",
                                                         "may do everything in every tenant"),
    authentication<&auth::AuthSettings::service_roles>(
        "service_roles", "are trusted to say for which userId or agentId they ask"),
    authentication<&auth::AuthSettings::monitor_roles>("monitor_roles", "may read /metrics and the status"),
    row<&auth::AuthSettings::anonymous_role, 0, Limits{}.max, auth::AuthSettings>(
        "anonymous_role", "of who shows neither token nor certificate; empty: is refused"),
    row<&auth::AuthSettings::client_certificates, 0, 1, auth::AuthSettings>(
        "client_certificates", "with tls_ca, the common name of a client's certificate is its role"),
    row<&auth::AuthSettings::requests_per_second, 0, 1'000'000, auth::AuthSettings>(
        "requests_per_second", "of each role; above, 429; 0: no limit"),
    row<&auth::AuthSettings::requests_at_once, 0, 1'000'000, auth::AuthSettings>(
        "requests_at_once", "of each role, open event streams among them; above, 429; 0: no limit"),
};

constexpr FileKey<auth::RoleSettings> kRoleTable[] = {
    row<&auth::RoleSettings::tenant, 1, Limits{}.max, auth::RoleSettings>("tenant", "whose role it is"),
    row<&auth::RoleSettings::permissions, Limits{}.min, Limits{}.max, auth::RoleSettings>(
        "permissions", "what it may do in its tenant: query, produce, consume, admin"),
};

constexpr FileKey<PlannerSettings> kPlannerTable[] = {
    planning<&PlannerSettings::url, 0>("url",
                                       "of an OpenAI-compatible API, up to and with /v1; empty: no model"),
    planning<&PlannerSettings::model, 0>("model", "as the API calls it"),
    planning<&PlannerSettings::key_env, 0>("key_env", "the variable of the environment that holds its key"),
    placed(
        planning<&PlannerSettings::key_file, 0>("key_file", "a file that holds it, in the variable's place"),
        Place::path),
    planning<&PlannerSettings::timeout, kSecond, kHour>("timeout", "of one attempt"),
    planning<&PlannerSettings::attempts, 1, 20>("attempts", "where the model is busy or gives no answer"),
    planning<&PlannerSettings::requests_max, 1, 1'000>("requests_max", "questions at once; the others wait"),
    planning<&PlannerSettings::tools_max, 1, 1'000>("tools_max",
                                                    "tools that it is told of, the likely ones first"),
    planning<&PlannerSettings::stream>("stream", "asks for the answer in pieces"),
};

constexpr FileKey<EmbeddedSettings> kEmbeddedTable[] = {
    row<&EmbeddedSettings::delay_index_bytes, 0, Limits{}.max, EmbeddedSettings>(
        "delay_index_bytes", "memory of what is held until its time; what comes later stays in the log"),
};

}  // namespace

const std::span<const FileKey<ServerSettings>> kServerKeys = kServerTable;
const std::span<const FileKey<OrchestratorSettings>> kOrchestratorKeys = kOrchestratorTable;
const std::span<const FileKey<auth::AuthSettings>> kAuthKeys = kAuthTable;
const std::span<const FileKey<auth::RoleSettings>> kRoleKeys = kRoleTable;
const std::span<const FileKey<PlannerSettings>> kPlannerKeys = kPlannerTable;
const std::span<const FileKey<EmbeddedSettings>> kEmbeddedKeys = kEmbeddedTable;

}  // namespace geminga::cli
