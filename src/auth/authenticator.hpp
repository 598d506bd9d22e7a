#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "auth/principal.hpp"
#include "auth/token.hpp"

namespace geminga::auth {

struct RoleSettings {
  std::string tenant;
  std::set<Permission> permissions{Permission::query, Permission::produce, Permission::consume};
  bool operator==(const RoleSettings&) const = default;
};

/// What an operator says about who may come in: `[auth]` of geminga.toml.
struct AuthSettings {
  std::string token_secret_key;  ///< where the key is, see read_key(); this one or the next
  std::string token_public_key;
  std::string token_audience;
  std::set<std::string> superuser_roles;
  std::set<std::string> service_roles;
  std::set<std::string> monitor_roles;
  std::string anonymous_role;       ///< of who shows nothing at all; empty: that one is refused
  bool client_certificates = true;  ///< a verified one proves the role that its common name is
  /// The doors verify certificates of clients. No key of [auth]: it follows from the TLS settings.
  bool certificates_verified = false;
  std::uint32_t requests_per_second = 0;  ///< of each role; 0: no limit
  std::uint32_t requests_at_once = 0;     ///< of each role; 0: no limit
  std::map<std::string, RoleSettings> roles;
  bool operator==(const AuthSettings&) const = default;

  [[nodiscard]] bool takes_tokens() const { return !token_secret_key.empty() || !token_public_key.empty(); }
  [[nodiscard]] bool takes_certificates() const { return client_certificates && certificates_verified; }
  /// There is a way to prove a role.
  [[nodiscard]] bool on() const { return takes_tokens() || takes_certificates(); }
};

/// Who has proven who it is, and for how long.
struct Proof {
  PrincipalPtr principal;
  std::optional<Timestamp> until;  ///< from then on the token is not taken any more; nothing: it is for ever
};

/// Tells from a token or a certificate who somebody is. Any thread.
class Authenticator {
 public:
  /// Errors: config_error (no key or two, a key that cannot be used, a role that nobody gave a tenant, roles
  /// without a key to prove them).
  static Result<Authenticator> create(const AuthSettings& settings, base::Clock* clock = nullptr);

  /// `authorization` is the value of that header: "Bearer TOKEN"; `certificate` the common name of one that
  /// was verified. A token that is shown counts alone. Errors: unauthorized (no token, or none that is
  /// valid), forbidden (a role that nobody has configured).
  [[nodiscard]] Result<Proof> authenticate(std::string_view authorization,
                                           const std::optional<std::string>& certificate = {}) const;
  /// The same with one of them, for doors without headers.
  [[nodiscard]] Result<Proof> authenticate_token(std::string_view token) const;
  [[nodiscard]] Result<Proof> authenticate_certificate(const std::optional<std::string>& common_name) const;
  /// Of who shows neither.
  [[nodiscard]] Result<Proof> authenticate_anonymous() const;

 private:
  Authenticator(std::optional<TokenVerifier> verifier, std::map<std::string, PrincipalPtr> principals)
      : verifier_(std::move(verifier)), principals_(std::move(principals)) {}
  [[nodiscard]] Result<PrincipalPtr> principal(const std::string& role) const;

  std::optional<TokenVerifier> verifier_;           ///< none: tokens are not taken
  std::map<std::string, PrincipalPtr> principals_;  ///< by role
  PrincipalPtr anonymous_;                          ///< may be none
  bool takes_certificates_ = false;
};

}  // namespace geminga::auth
