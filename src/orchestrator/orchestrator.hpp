#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <geminga/bus.hpp>

#include "base/clock.hpp"
#include "orchestrator/topics.hpp"

namespace geminga::base {
class Metrics;
}
namespace geminga::mcp {
class Registry;
}
namespace geminga::net {
class Router;
}

namespace geminga::orchestrator {

struct OrchestratorOptions {
  std::optional<Bus> bus;             ///< open; stays the caller's to close, after stop()
  mcp::Registry* registry = nullptr;  ///< must outlive the orchestrator; stays the caller's to stop
  std::filesystem::path store_path;   ///< the SQLite file of jobs and claims; made if it is missing
  std::filesystem::path rules_path;   ///< empty: the built-in rules; otherwise watched and reloaded
  Topics topics;
  /// One process holds the store: what others had begun is given up at the start. False only where several
  /// processes share the file by an explicit path.
  bool exclusive_store = true;

  // Retry: before the first retry, then before later ones (the last value for all that follow).
  std::vector<std::chrono::milliseconds> retry_delays{std::chrono::seconds{5}, std::chrono::seconds{30}};
  std::uint32_t max_attempts = 3;

  std::chrono::milliseconds query_timeout{20'000};  ///< then 504
  std::chrono::milliseconds plan_window{2'000};     ///< how long the plan fallback waits for the matcher
  std::chrono::milliseconds plan_look_again{100};
  std::chrono::milliseconds lease{30'000};  ///< of a running call; renewed while it runs
  std::chrono::milliseconds publish_sweep{5'000};
  double confidence_threshold = 0.7;
  std::size_t query_bytes_max = 8 << 10;
  std::size_t body_bytes_max = 5 << 20;
  std::size_t waiting_queries_max = 10'000;  ///< 503 above
  std::size_t calls_max = 2'048;             ///< tool calls in flight; above, signals wait on the bus

  base::Metrics* metrics = nullptr;  ///< must outlive the orchestrator
  base::Clock* clock = nullptr;      ///< the system's where it is not given
};

/// All services of the orchestrator over one bus, one registry of MCP servers and one jobs store, and its
/// routes under /api/orchestrator. Any thread may call any member.
class Orchestrator {
 public:
  /// Opens the store, makes topics and subscriptions, adds the routes to `router` (which must not be serving
  /// yet) and starts every service. The matcher begins once the registry has settled; until then ready() is
  /// false and posts are answered 503. Errors: config_error (rules, topics), disk_error, format_too_new, what
  /// the bus says.
  static Result<std::unique_ptr<Orchestrator>> start(OrchestratorOptions options, net::Router& router);
  /// stop() with ten seconds.
  ~Orchestrator();
  Orchestrator(const Orchestrator&) = delete;
  Orchestrator& operator=(const Orchestrator&) = delete;

  /// Every subscription exists, the readers stand, the matcher consumes.
  [[nodiscard]] bool ready() const;
  /// Why it is not, for /readyz; empty when it is.
  [[nodiscard]] std::string not_ready_reason() const;
  /// JSON text, as GET /api/orchestrator/status gives it. Asks bus and store and may block for a moment.
  [[nodiscard]] std::string status() const;

  /// Takes no more work, answers waiting queries with 503 and their request id, lets running calls end for a
  /// part of the deadline, then cancels them and leaves them as outcome unknown for the next start. The
  /// routes answer 503 from then on. Idempotent.
  void stop(std::chrono::milliseconds deadline = std::chrono::seconds{8});

 private:
  struct Impl;
  explicit Orchestrator(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga::orchestrator
