#include "auth/principal.hpp"

#include <array>

#include <fmt/format.h>

namespace geminga::auth {
namespace {

constexpr std::array<std::string_view, 4> kPermissions{"query", "produce", "consume", "admin"};
constexpr std::array<std::string_view, 8> kNeeds{"nothing", "token", "query",   "produce",
                                                 "consume", "admin", "monitor", "superuser"};

bool has(const Principal& principal, Need need) {
  switch (need) {
    case Need::nothing:
    case Need::token:
      return true;
    case Need::query:
      return principal.permissions.contains(Permission::query);
    case Need::produce:
      return principal.permissions.contains(Permission::produce);
    case Need::consume:
      return principal.permissions.contains(Permission::consume);
    case Need::admin:
      return principal.permissions.contains(Permission::admin);
    case Need::monitor:
      return principal.monitor;
    case Need::superuser:
      return false;
  }
  return false;
}

}  // namespace

std::string_view to_string(Permission permission) noexcept {
  return kPermissions.at(static_cast<std::size_t>(permission));
}

Result<Permission> parse_permission(std::string_view text) {
  for (std::size_t i = 0; i < kPermissions.size(); ++i)
    if (kPermissions.at(i) == text) return static_cast<Permission>(i);
  return fail(ErrorCode::config_error,
              fmt::format("'{}' is no permission; there are query, produce, consume and admin", text));
}

std::string_view to_string(Need need) noexcept {
  return kNeeds.at(static_cast<std::size_t>(need));
}

Result<> check_need(const Principal& principal, Need need) {
  if (principal.superuser || has(principal, need)) return {};
  return fail(ErrorCode::forbidden,
              fmt::format("the role '{}' may not do this; it needs '{}'", principal.role, to_string(need)));
}

bool sees_all(const PrincipalPtr& principal) noexcept {
  return principal == nullptr || principal->superuser;
}

bool sees_tenant(const PrincipalPtr& principal, std::string_view tenant) noexcept {
  return sees_all(principal) || (!tenant.empty() && principal->tenant == tenant);
}

}  // namespace geminga::auth
