#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key.hpp"
#include "base/clock.hpp"

namespace geminga::auth {

/// So far may clocks differ: a token is taken so long after `exp` and so long before `nbf` and `iat`.
inline constexpr std::chrono::seconds kLeeway{60};
/// A longer one is refused unread.
inline constexpr std::size_t kTokenBytesMax = 8 << 10;

/// What a token says (RFC 7519). Times are seconds since 1970 UTC.
struct Claims {
  std::string subject;  ///< the role, as in Pulsar
  std::optional<std::int64_t> expires_at;
  std::optional<std::int64_t> not_before;
  std::optional<std::int64_t> issued_at;
  std::vector<std::string> audience;
};

/// A JSON Web Token in its compact form (RFC 7515). Errors: config_error (a public key), invalid_argument
/// (a subject that no verifier would take).
Result<std::string> sign_token(const Key& key, const Claims& claims);

/// What a token says, without a look at its signature, and how it claims to be signed. For people, never for
/// a decision. Errors: unauthorized.
struct UnverifiedToken {
  std::string algorithm;
  Claims claims;
};
Result<UnverifiedToken> read_unverified(std::string_view token);

/// Says whose a token is. One key, so one algorithm; what else a header says (kid, jku, x5u, jwk) is not
/// looked at, and `crit` is refused. Every door uses this one. Any thread.
class TokenVerifier {
 public:
  struct Options {
    std::string audience;          ///< not empty: `aud` must name it
    base::Clock* clock = nullptr;  ///< the system's where it is not given
  };
  TokenVerifier(Key key, Options options) : key_(std::move(key)), options_(std::move(options)) {}

  /// Errors: unauthorized, with what is wrong with it, never with the token itself.
  [[nodiscard]] Result<Claims> verify(std::string_view token) const;

 private:
  [[nodiscard]] Result<> check_times(const Claims& claims) const;
  [[nodiscard]] Result<> check_audience(const Claims& claims) const;

  const Key key_;
  const Options options_;
};

}  // namespace geminga::auth
