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
                "[auth] names roles but no key to prove them; set token_secret_key or token_public_key, or "
                "take client certificates (--tls-ca)");
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
  std::optional<TokenVerifier> verifier;
  if (settings.takes_tokens() || !settings.takes_certificates()) {
    GEMINGA_TRY(Key key, key_of(settings));
    verifier.emplace(std::move(key),
                     TokenVerifier::Options{.audience = settings.token_audience, .clock = clock});
  }
  std::map<std::string, PrincipalPtr> principals;
  for (const std::string& role : roles_of(settings)) {
    GEMINGA_TRY(principals[role], principal_of(settings, role));
  }
  if (principals.empty())
    return fail(ErrorCode::config_error,
                "[auth] says how a role is proven but names no role, so nobody could come in; add "
                "superuser_roles or [auth.roles.NAME]");
  Authenticator made(std::move(verifier), std::move(principals));
  made.takes_certificates_ = settings.takes_certificates();
  if (settings.anonymous_role.empty()) return made;
  auto anonymous = made.principal(settings.anonymous_role);
  if (!anonymous)
    return fail(ErrorCode::config_error,
                fmt::format("the anonymous role '{}' needs a tenant: write [auth.roles.\"{}\"] with tenant = "
                            "\"...\"",
                            settings.anonymous_role, settings.anonymous_role));
  made.anonymous_ = *std::move(anonymous);
  return made;
}

Result<Proof> Authenticator::authenticate(std::string_view authorization,
                                          const std::optional<std::string>& certificate) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.empty())
    return certificate && takes_certificates_ ? authenticate_certificate(certificate)
                                              : authenticate_anonymous();
  if (!authorization.starts_with(kScheme))
    return fail(ErrorCode::unauthorized, "Authorization must have the form: Bearer TOKEN");
  return authenticate_token(authorization.substr(kScheme.size()));
}

Result<Proof> Authenticator::authenticate_token(std::string_view token) const {
  if (!verifier_)
    return fail(ErrorCode::unauthorized, "tokens are not taken here; show a client certificate");
  GEMINGA_TRY(const Claims claims, verifier_->verify(token));
  Proof proof;
  GEMINGA_TRY(proof.principal, principal(claims.subject));
  if (claims.expires_at) proof.until = Timestamp{std::chrono::seconds{*claims.expires_at} + kLeeway};
  return proof;
}

Result<Proof> Authenticator::authenticate_certificate(const std::optional<std::string>& common_name) const {
  if (!takes_certificates_)
    return fail(ErrorCode::unauthorized, "client certificates are no proof here; use a token");
  if (!common_name)
    return fail(ErrorCode::unauthorized,
                "no client certificate with exactly one common name (CN) was shown; connect by TLS with one");
  Proof proof;
  GEMINGA_TRY(proof.principal, principal(*common_name));
  return proof;
}

Result<Proof> Authenticator::authenticate_anonymous() const {
  if (anonymous_) return Proof{.principal = anonymous_, .until = std::nullopt};
  return fail(ErrorCode::unauthorized, "a token is needed; over HTTP: Authorization: Bearer TOKEN");
}

Result<PrincipalPtr> Authenticator::principal(const std::string& role) const {
  const auto found = principals_.find(role);
  if (found != principals_.end()) return found->second;
  return fail(
      ErrorCode::forbidden,
      fmt::format("nobody has given the role '{}' a tenant here; the operator does, in geminga.toml", role));
}

}  // namespace geminga::auth
