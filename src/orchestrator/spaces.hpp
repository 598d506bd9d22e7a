#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

/// Where the requests of a tenant live: each in one namespace, with a set of topics of its own, from its
/// first message to its last. Pure names.
namespace geminga::orchestrator {

/// "<tenant>/<user>-orchestrator", else "<tenant>/<agent>-execution", else "<tenant>/orchestrator". What a
/// namespace's name may not hold is written as =XX (hexadecimal), so two users never share one. Errors:
/// invalid_argument (an id that is empty or over 80 bytes once written so).
Result<std::string> namespace_of(std::string_view tenant, const std::optional<std::string>& user_id,
                                 const std::optional<std::string>& agent_id);

/// Whether it has the form of those above: the orchestrator keeps it, and the bus's doors let tenants look
/// only.
bool is_kept_namespace(std::string_view name_space);

/// "acme" of "acme/orchestrator".
std::string_view tenant_of(std::string_view name_space);

}  // namespace geminga::orchestrator
