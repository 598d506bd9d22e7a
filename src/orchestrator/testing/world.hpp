#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "auth/authenticator.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "orchestrator/events/events.hpp"
#include "orchestrator/orchestrator.hpp"
#include "orchestrator/testing/fake_registry.hpp"
#include "orchestrator/testing/store.hpp"

namespace geminga::orchestrator::testing {

/// An HTTP answer with its JSON.
struct Answer {
  int status = 0;
  nlohmann::json body;
  net::HttpHeaders headers;
};

/// A whole orchestrator over an embedded bus in a folder, a fake registry and a real HTTP server. It can be
/// stopped and started again on the same folder.
class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Changes what start() uses.
  OrchestratorOptions options;
  auth::AuthSettings auth;  ///< with roles: authentication is on, by with_roles()
  FakeRegistry registry;

  void start(bool wait_until_ready = true);
  void stop(std::chrono::milliseconds deadline = std::chrono::seconds{2});
  void set_rules(const std::string& text);

  Answer post(const std::string& path, const std::string& body, net::HttpHeaders headers = {});
  Answer get(const std::string& path, net::HttpHeaders headers = {});
  /// Asks a server that is not the world's own.
  Answer query_at(const std::string& endpoint, const std::string& sentence);
  Answer send(const std::string& method, const std::string& path, const std::string& body,
              net::HttpHeaders headers);
  /// Turns authentication on; before start().
  void with_roles(auth::AuthSettings settings);
  /// The header that proves a role; none for an empty one.
  static net::HttpHeaders as(const std::string& role);
  Answer query(const std::string& sentence) {
    return post("/api/orchestrator/query", nlohmann::json{{"query", sentence}}.dump());
  }
  /// The id of an accepted job.
  std::string submit(const std::string& sentence);
  nlohmann::json job(const std::string& id) { return get("/api/orchestrator/jobs/" + id).body; }
  /// Waits until it has ended.
  nlohmann::json ended(const std::string& id);
  /// The events of a job as its stream gives them, up to its end.
  std::string event_stream(const std::string& id, const std::string& last_event_id = {});
  std::vector<nlohmann::json> dead_letters();

  Bus& bus() { return *bus_; }
  [[nodiscard]] const std::string& topic(TopicRole role) const { return options.topics.of(role); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  Orchestrator& orchestrator() { return *orchestrator_; }
  [[nodiscard]] const std::string& endpoint() const { return server_->endpoint(); }
  [[nodiscard]] const net::Router& router() const { return server_->router(); }
  /// Messages of a topic from its beginning.
  std::vector<Message> messages(TopicRole role);

 private:
  Answer exchange(net::ClientRequest request);

  TemporaryFolder folder_;
  std::optional<Bus> bus_;
  std::unique_ptr<Orchestrator> orchestrator_;
  std::unique_ptr<net::HttpServer> server_;
  base::EventLoop client_loop_{"test-client"};
  net::HttpClient client_{client_loop_};
};

/// Looks again and again until `condition` holds; a failure of the test after `limit`.
void eventually(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds{10});

}  // namespace geminga::orchestrator::testing
