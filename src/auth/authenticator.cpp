#include "auth/authenticator.hpp"

#include <fmt/format.h>

#include "base/topic_name.hpp"
#include "base/try.hpp"

namespace geminga::auth {
namespace {

Result<Key> key_of(const AuthSettings& settings) {
  if (!settings.token_secret_key.empty() && !settings.token_public_key.empty())
    return fail(ErrorCode::config_error,
                "[auth] names token_secret_key and token_public_key; tokens are signed in one way only");
  if (!settings.token_secret_key.empty()) {
    GEMINGA_TRY(std::string bytes, read_key(settings.token_secret_key));
    return Key::secret(std::move(bytes));
  }
  if (settings.token_public_key.empty())
    return fail(ErrorCode::config_error,
                "[auth] names roles but no key to prove them; set token_secret_key or token_public_key");
  GEMINGA_TRY(const std::string bytes, read_public_key(settings.token_public_key));
  return Key::public_key(bytes);
}

/// Every role that is named somewhere.
std::set<std::string> roles_of(const AuthSettings& settings) {
  std::set<std::string> roles = settings.superuser_roles;
  roles.insert(settings.service_roles.begin(), settings.service_roles.end());
  roles.insert(settings.monitor_roles.begin(), settings.monitor_roles.end());
  for (const auto& [role, unused] : settings.roles) roles.insert(role);
  return roles;
}

Result<PrincipalPtr> principal_of(const AuthSettings& settings, const std::string& role) {
  auto principal = std::make_shared<Principal>();
  principal->role = role;
  principal->superuser = settings.superuser_roles.contains(role);
  principal->service = settings.service_roles.contains(role);
  principal->monitor = settings.monitor_roles.contains(role);
  const auto own = settings.roles.find(role);
  if (own != settings.roles.end()) {
    principal->tenant = own->second.tenant;
    principal->permissions = own->second.permissions;
    if (auto legal = base::check_tenant_name(principal->tenant); !legal)
      return fail(ErrorCode::config_error,
                  fmt::format("the role '{}' needs a tenant ([auth.roles.\"{}\"]): {}", role, role,
                              legal.error().message));
  } else if (principal->service) {
    return fail(ErrorCode::config_error,
                fmt::format("the service role '{}' needs a tenant: write [auth.roles.\"{}\"] with tenant = "
                            "\"...\"",
                            role, role));
  }
  return principal;
}

}  // namespace

Result<Authenticator> Authenticator::create(const AuthSettings& settings, base::Clock* clock) {
  GEMINGA_TRY(Key key, key_of(settings));
  std::map<std::string, PrincipalPtr> principals;
  for (const std::string& role : roles_of(settings)) {
    GEMINGA_TRY(principals[role], principal_of(settings, role));
  }
  if (principals.empty())
    return fail(ErrorCode::config_error,
                "[auth] names a key but no role, so nobody could come in; add superuser_roles or "
                "[auth.roles.NAME]");
  return Authenticator(TokenVerifier(std::move(key), {.audience = settings.token_audience, .clock = clock}),
                       std::move(principals));
}

Result<Proof> Authenticator::authenticate(std::string_view authorization) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.empty())
    return fail(ErrorCode::unauthorized, "a token is needed: send Authorization: Bearer TOKEN");
  if (!authorization.starts_with(kScheme))
    return fail(ErrorCode::unauthorized, "Authorization must have the form: Bearer TOKEN");
  return authenticate_token(authorization.substr(kScheme.size()));
}

Result<Proof> Authenticator::authenticate_token(std::string_view token) const {
  GEMINGA_TRY(const Claims claims, verifier_.verify(token));
  const auto found = principals_.find(claims.subject);
  if (found == principals_.end())
    return fail(
        ErrorCode::forbidden,
        fmt::format("nobody has given the role '{}' a tenant here; the operator does, in geminga.toml",
                    claims.subject));
  Proof proof{.principal = found->second, .until = std::nullopt};
  if (claims.expires_at) proof.until = Timestamp{std::chrono::seconds{*claims.expires_at} + kLeeway};
  return proof;
}

}  // namespace geminga::auth
