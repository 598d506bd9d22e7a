#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

struct evp_pkey_st;

namespace geminga::auth {

/// How a token is signed (RFC 7518 section 3.1). Which one a key stands for follows from the key alone: a
/// token's header cannot choose.
enum class Algorithm : std::uint8_t {
  hs256,  ///< HMAC with SHA-256 and a shared secret
  rs256,  ///< RSA of at least 2,048 bits, PKCS #1 v1.5, SHA-256
  es256,  ///< ECDSA on P-256, SHA-256
};
/// "HS256", ...
std::string_view to_string(Algorithm algorithm) noexcept;

/// What a token is signed or checked with. Copies share the key; any thread.
class Key {
 public:
  /// At least 32 bytes, taken as they are. Errors: config_error.
  static Result<Key> secret(std::string bytes);
  /// RSA or EC P-256, DER (X.509 SubjectPublicKeyInfo, as Pulsar writes it) or PEM. Errors: config_error.
  static Result<Key> public_key(std::string_view bytes);
  /// The same with PKCS #8. It signs, and checks too.
  static Result<Key> private_key(std::string_view bytes);

  [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
  /// In the form of RFC 7518 (ECDSA: R and S, 64 bytes). Errors: config_error (a public key cannot).
  [[nodiscard]] Result<std::string> sign(std::string_view bytes) const;
  /// In constant time for a secret.
  [[nodiscard]] bool verify(std::string_view bytes, std::string_view signature) const;

 private:
  Key(Algorithm algorithm, std::string secret) : algorithm_(algorithm), secret_(std::move(secret)) {}
  Key(Algorithm algorithm, std::shared_ptr<evp_pkey_st> pair, bool can_sign)
      : algorithm_(algorithm), pair_(std::move(pair)), can_sign_(can_sign) {}
  static Result<Key> of_pair(evp_pkey_st* pair, std::string_view what, bool can_sign);

  Algorithm algorithm_;
  std::string secret_;                 ///< HS256 only
  std::shared_ptr<evp_pkey_st> pair_;  ///< otherwise
  bool can_sign_ = true;
};

/// The bytes of a secret or private key as Pulsar names it: "file:///path" or a path (the file's bytes as
/// they are, see base::read_secret_file), "data:;base64,TEXT", or base64 text. Errors: config_error, which
/// never shows the key.
Result<std::string> read_key(std::string_view location);
/// The same for a public key, whose file everyone may read.
Result<std::string> read_public_key(std::string_view location);

/// The file that a location names; nothing where it holds the key itself.
std::optional<std::filesystem::path> key_file(std::string_view location);

/// 32 bytes from the system's generator. Errors: unavailable.
Result<std::string> new_secret_key();
struct KeyPair {
  std::string private_key;  ///< PKCS #8, DER
  std::string public_key;   ///< SubjectPublicKeyInfo, DER
};
/// RSA of 2,048 bits or EC P-256. Errors: invalid_argument (HS256 has no pair), unavailable.
Result<KeyPair> new_key_pair(Algorithm algorithm);

}  // namespace geminga::auth
