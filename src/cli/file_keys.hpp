#pragma once

#include <span>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

#include "auth/authenticator.hpp"
#include "cli/embedded_settings.hpp"
#include "cli/place.hpp"
#include "mcp/server_config.hpp"
#include "orchestrator/settings.hpp"

namespace geminga::cli {

/// One key of a table of geminga.toml; such keys have neither flag nor variable.
template <class Target>
struct FileKey {
  std::string_view name;
  std::string_view help;
  /// Takes the values of a list, or the one of a key that holds one. Errors: config_error with value and
  /// remedy.
  Result<> (*apply)(Target& target, std::span<const std::string> values);
  /// As it would stand in the file.
  std::string (*show)(const Target& target);
  Place place = Place::none;
};

/// [servers.NAME]; `tools` is a list of tables and not among them.
extern const std::span<const FileKey<mcp::ServerSettings>> kServerKeys;
/// [orchestrator]
extern const std::span<const FileKey<orchestrator::OrchestratorSettings>> kOrchestratorKeys;
/// [auth]; `roles` is a table of tables and not among them.
extern const std::span<const FileKey<auth::AuthSettings>> kAuthKeys;
/// [auth.roles.NAME]
extern const std::span<const FileKey<auth::RoleSettings>> kRoleKeys;
/// [planner]
extern const std::span<const FileKey<orchestrator::PlannerSettings>> kPlannerKeys;
/// [embedded]
extern const std::span<const FileKey<EmbeddedSettings>> kEmbeddedKeys;

}  // namespace geminga::cli
