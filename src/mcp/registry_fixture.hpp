#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mcp/registry.hpp"

namespace geminga::mcp {

/// Runs `condition` until it is true; false when the deadline comes first.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds deadline = std::chrono::seconds{10});

/// Processes whose command line holds `marker`, without zombies.
std::vector<pid_t> processes_with(const std::string& marker);
bool is_alive(pid_t pid);

/// A registry over a folder of its own, with the fixture server. The log of the fixture has a name that no
/// other test has, which also finds its processes.
class RegistryFixture : public testing::Test {
 protected:
  RegistryFixture();
  ~RegistryFixture() override;

  /// {"command": fixture, "args": [--log .., more..]}
  [[nodiscard]] nlohmann::json fixture_server(std::vector<std::string> more = {}) const;
  void write_config(const nlohmann::json& servers) const;
  /// Opens it on what write_config wrote and waits until it is settled.
  void open();
  void open(const nlohmann::json& servers) {
    write_config(servers);
    open();
  }
  CallOutcome call(const std::string& server, const std::string& tool,
                   const nlohmann::json& arguments = nlohmann::json::object(), CallOptions options = {});
  /// The text of the first content block, or "(error) ..." .
  static std::string text_of(const CallOutcome& outcome);
  ServerStatus status(const std::string& server);
  bool wait_for_state(const std::string& server, ServerState state);
  /// Lines of the fixture's log that hold `what`.
  [[nodiscard]] std::size_t log_lines(const std::string& what) const;

  std::filesystem::path folder_;
  std::filesystem::path log_;
  RegistryOptions options_;
  std::unique_ptr<Registry> registry_;
};

}  // namespace geminga::mcp
