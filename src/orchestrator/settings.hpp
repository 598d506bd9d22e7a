#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace geminga::orchestrator {

/// Switches that break a promise on purpose, for the tests that must notice. Never set otherwise.
struct UnsafeOptions {
  bool claim_after_call = false;  ///< a call is claimed when it has been made
};

/// Where a retry waits for its time.
enum class RetryMode : std::uint8_t {
  automatic,  ///< native where the bus delays deliveries, else topics
  native,     ///< on the bus, by delayed delivery
  topics,     ///< in a tier topic, from which the retry worker takes it
};

/// A language model that makes plans, `[planner]` of geminga.toml. Its key comes from the environment or from
/// a file.
struct PlannerSettings {
  std::string url{};    ///< of an OpenAI-compatible API, up to and with /v1; empty: no model
  std::string model{};  ///< as the API calls it
  std::string key_env = "GEMINGA_PLANNER_KEY";  ///< the variable that holds the key; unset: none is sent
  std::string key_file{};                     ///< a file that holds it, read at the start; beats the variable
  std::chrono::milliseconds timeout{30'000};  ///< of one attempt
  std::uint32_t attempts = 3;                 ///< where the model is busy or does not answer, at least 1
  std::uint32_t requests_max = 4;             ///< at once
  std::uint32_t tools_max = 20;               ///< that the model is told of, the likely ones first
  bool stream = false;  ///< asks for the answer in pieces; for servers that give no other
  bool operator==(const PlannerSettings&) const = default;
};

/// What an operator may set, `[orchestrator]` of geminga.toml. Whoever fills it keeps to the limits that are
/// named here.
struct OrchestratorSettings {
  std::uint32_t max_attempts = 3;  ///< calls of one request, at least 1
  /// Before the first retry, then before later ones (the last value for all that follow); at least one.
  std::vector<std::chrono::milliseconds> retry_delays{std::chrono::seconds{5}, std::chrono::seconds{30}};
  RetryMode retry = RetryMode::automatic;
  std::chrono::milliseconds query_timeout{20'000};  ///< then 504; the job goes on
  std::chrono::milliseconds plan_window{2'000};     ///< how long the plan fallback waits for the matcher
  std::chrono::milliseconds lease{30'000};          ///< of a running call; renewed three times while it lasts
  /// How long what has ended is kept in the jobs store; 0: for ever.
  std::chrono::milliseconds job_retention = std::chrono::days{30};
  double confidence_threshold = 0.7;         ///< from 0 to 1; below it no tool is called
  bool execute_plans = false;                ///< the steps of a model's plan are called, one after the other
  std::size_t query_bytes_max = 8 << 10;     ///< of one sentence
  std::size_t waiting_queries_max = 10'000;  ///< 503 above
  std::size_t calls_max = 2'048;             ///< tool calls in flight; above, signals wait on the bus
  std::size_t namespaces_max = 100;          ///< of tenants; each has a few threads. Above, 429
  /// Where the secret is that webhooks are signed with, see auth::read_key; empty: nobody is told of
  /// anything.
  std::string webhook_secret_key;
  std::string webhook_url;               ///< told of each job that names nobody else; trusted; empty: none
  bool webhook_private_network = false;  ///< jobs may name http, this machine, private networks
  std::chrono::milliseconds webhook_timeout{10'000};  ///< of one attempt
  bool operator==(const OrchestratorSettings&) const = default;
};

}  // namespace geminga::orchestrator
