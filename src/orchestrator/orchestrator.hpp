#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <geminga/bus.hpp>

#include "base/clock.hpp"
#include "orchestrator/settings.hpp"
#include "orchestrator/topics.hpp"

namespace geminga::base {
class Metrics;
}
namespace geminga::mcp {
class Registry;
}
namespace geminga::net {
struct HttpRequest;
class Router;
}  // namespace geminga::net

namespace geminga::orchestrator {

class Embedder;

struct OrchestratorOptions {
  std::optional<Bus> bus;             ///< open; stays the caller's to close, after stop()
  mcp::Registry* registry = nullptr;  ///< must outlive the orchestrator; stays the caller's to stop
  std::filesystem::path store_path;   ///< the SQLite file of jobs and claims; made if it is missing
  /// "postgresql://...": jobs and claims are there, shared by any number of processes, and store_path is not
  /// used.
  std::string database_url;
  std::filesystem::path rules_path;  ///< empty: the built-in rules; otherwise watched and reloaded
  Topics topics;
  /// One process holds the SQLite file: what others had begun is given up at the start. False only where
  /// several processes share the file by an explicit path.
  bool exclusive_store = true;
  /// What only one process can be at a time, "<UUID of the data directory>": its claims carry it, and where
  /// the store is shared, what earlier starts of the same instance had begun is given up at the start. Empty:
  /// those claims wait for the end of their leases.
  std::string instance;

  OrchestratorSettings settings;
  UnsafeOptions unsafe;
  /// Who may come in is the server's business; here it decides what the status says.
  bool authentication = false;
  /// Every tenant that a role has, with the policies of its namespaces (empty: nothing is set there).
  std::map<std::string, Policies, std::less<>> tenants;
  PlannerSettings planner;                         ///< a url makes it ask a model where no tool fits
  std::string planner_key;                         ///< for the model's server; empty: none is sent
  std::shared_ptr<const Embedder> embedder;        ///< for the matcher; null: words alone
  std::chrono::milliseconds plan_look_again{100};  ///< how often the plan fallback looks for the decision
  std::chrono::milliseconds publish_sweep{5'000};  ///< after which a job that no bus has is published again
  /// How often the jobs store is pruned, from so long after the start: what lay on the bus has come by then.
  std::chrono::milliseconds prune_interval = std::chrono::minutes{10};

  /// The jobs store can write nothing any more; on a thread of the store.
  std::function<void(const Error&)> on_disk_error;

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

  /// Writes down that a call was refused before it came to a route: no token, no permission, too many calls.
  /// `role` is empty where nobody has proven who it is. Never blocks.
  void refused(const net::HttpRequest& head, const std::string& role, const Error& why);

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
