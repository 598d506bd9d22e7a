#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

/// Who asks, and what that one may do.
namespace geminga::auth {

/// What a role may do in its tenant. produce and consume mean what they mean in Pulsar.
enum class Permission : std::uint8_t {
  query,    ///< ask the orchestrator: jobs, answers, dead letters
  produce,  ///< publish to topics
  consume,  ///< read and subscribe
  admin,    ///< make, change and delete topics; set policies
};
std::string_view to_string(Permission permission) noexcept;
/// Errors: config_error, with the list.
Result<Permission> parse_permission(std::string_view text);

/// Somebody who has proven who it is.
struct Principal {
  std::string role;
  std::string tenant;  ///< empty only for who sees all tenants
  std::set<Permission> permissions;
  bool superuser = false;  ///< may do everything in every tenant
  bool service = false;    ///< is trusted to say for which user or agent it asks
  bool monitor = false;    ///< may see the state of the whole server
};
/// nullptr: authentication is off, and whoever gets in may do everything.
using PrincipalPtr = std::shared_ptr<const Principal>;

/// What a route asks of whoever uses it.
enum class Need : std::uint8_t {
  nothing,  ///< not even a token
  token,    ///< any role that is known here
  query,    ///< the permission of that name, and so on
  produce,
  consume,
  admin,
  monitor,  ///< monitor or superuser
  superuser,
};
std::string_view to_string(Need need) noexcept;

/// Errors: forbidden, which names the role and what it lacks.
Result<> check_need(const Principal& principal, Need need);

/// Whether what belongs to this tenant exists for that one.
bool sees_tenant(const PrincipalPtr& principal, std::string_view tenant) noexcept;
/// Nothing or a superuser: sees what is everybody's.
bool sees_all(const PrincipalPtr& principal) noexcept;

}  // namespace geminga::auth
