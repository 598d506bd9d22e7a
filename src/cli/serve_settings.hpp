#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>
#include <geminga/policies.hpp>

#include "auth/authenticator.hpp"
#include "base/log.hpp"
#include "cli/conf_report.hpp"
#include "cli/embedded_settings.hpp"
#include "cli/verb.hpp"
#include "mcp/server_config.hpp"
#include "net/tls_context.hpp"
#include "orchestrator/settings.hpp"

namespace geminga::cli {

/// What `geminga serve` runs with, after flags, environment, file and defaults were laid over each other.
struct ServeSettings {
  std::filesystem::path config_file;  ///< empty: none was named
  std::filesystem::path data_dir = "./geminga-data";
  std::string bus_url;
  std::string bus_reason;                 ///< which of the places named it
  std::string database_url;               ///< of the jobs store; empty: SQLite in the data directory
  std::string http = "127.0.0.1:8080";    ///< empty: off, only HTTPS
  std::string https;                      ///< empty: none
  std::string pulsar = "127.0.0.1:6650";  ///< Pulsar's protocol, on the embedded engine; empty: off
  std::string pulsar_tls;                 ///< the same by TLS; empty: none
  bool pulsar_named = false;              ///< one of the two, not by default
  net::TlsSettings tls;                   ///< of HTTPS and of Pulsar's protocol
  std::string advertise;                  ///< HOST[:PORT]; empty: nothing but the bound name
  std::filesystem::path mcp;
  std::filesystem::path rules;
  bool listen_all = false;
  bool insecure = false;
  bool ready_json = false;
  log::Config log;
  mcp::SettingsByServer servers;
  orchestrator::OrchestratorSettings orchestrator;
  orchestrator::PlannerSettings planner;
  orchestrator::UnsafeOptions unsafe;  ///< no flag, variable or key sets it
  EmbeddedSettings embedded;
  PulsarSettings pulsar_door;
  auth::AuthSettings auth;
  /// Every tenant that a role has, with the policies of its orchestrator's namespaces.
  std::map<std::string, Policies, std::less<>> tenants;
  ConfReport conf_report;                ///< of --broker-conf
  std::set<std::string> conf_addresses;  ///< "HOST:PORT" that it named
};

/// Finds a variable of the environment; nullptr when it is not set.
using Environment = const char* (*)(const char* name);

/// --config and the options that can also stand in the environment and in geminga.toml.
std::vector<Option> setting_options();
/// A flag beats the environment, the environment beats the file, the file beats what --broker-conf names, and
/// that beats the default. Errors:
/// invalid_argument (a flag); config_error with file, line and the nearest known key; io_error when the file
/// cannot be read.
Result<ServeSettings> load_settings(const Arguments& arguments, Environment environment);
/// The file alone, over `settings`; `text` is its content and `source` its name in errors.
Result<> apply_settings_file(ServeSettings& settings, std::string_view text, const std::string& source);

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};
/// "127.0.0.1:8080", "[::1]:0", "localhost:8080". Errors: config_error.
Result<Endpoint> parse_endpoint(std::string_view text, std::string_view what);
/// The same with the port where it names a host alone: "127.0.0.1", "[::1]".
std::string with_default_port(std::string_view text, std::uint16_t port);

}  // namespace geminga::cli
