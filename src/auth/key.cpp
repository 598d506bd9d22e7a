#include "auth/key.hpp"

#include <array>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "base/base64.hpp"
#include "base/freed.hpp"
#include "base/secret_file.hpp"
#include "base/try.hpp"

namespace geminga::auth {
namespace {

constexpr std::size_t kSecretBytesMin = 32;  // RFC 7518 section 3.2
constexpr std::size_t kSecretBytes = 32;
constexpr int kRsaBitsMin = 2'048;
constexpr std::size_t kCoordinateBytes = 32;  // R and S of ES256

using base::Freed;
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX, EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG, ECDSA_SIG_free>>;
using Pair = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

bool is_pem(std::string_view bytes) {
  return bytes.find("-----BEGIN ") != std::string_view::npos;
}

Bio reading(std::string_view bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

/// A key in a file has no pass phrase; OpenSSL would ask for one on the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

std::string hmac(const std::string& secret, std::string_view bytes) {
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(bytes), bytes.size(),
       bytes_of(mac), &size);
  mac.resize(size);
  return mac;
}

/// R and S, each in 32 bytes, to the DER that OpenSSL speaks; empty where it is neither.
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return {};
  const Signature parts(ECDSA_SIG_new());
  ECDSA_SIG_set0(parts.get(), BN_bin2bn(bytes_of(signature), kCoordinateBytes, nullptr),
                 BN_bin2bn(bytes_of(signature.substr(kCoordinateBytes)), kCoordinateBytes, nullptr));
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &out);
  std::string der(reinterpret_cast<char*>(out), size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(out);
  return der;
}

std::string raw_of(std::string_view der) {
  const unsigned char* at = bytes_of(der);
  const Signature parts(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * kCoordinateBytes, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), bytes_of(raw), kCoordinateBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), bytes_of(raw) + kCoordinateBytes, kCoordinateBytes);
  return raw;
}

template <class Encode>
std::string encoded(Encode encode) {
  unsigned char* out = nullptr;
  const int size = encode(&out);
  std::string der(reinterpret_cast<char*>(out), size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(out);
  return der;
}

Result<std::string> read_location(std::string_view location,
                                  Result<std::string> (*read)(const std::filesystem::path&)) {
  constexpr std::string_view kData = "data:";
  constexpr std::string_view kBase64 = ";base64,";
  if (const auto file = key_file(location)) return read(*file);
  if (location.starts_with(kData)) {
    const auto comma = location.find(kBase64);
    if (comma != std::string_view::npos)
      if (auto bytes = base::from_base64(location.substr(comma + kBase64.size()))) return bytes;
    return fail(ErrorCode::config_error, "a key in a data URL has the form data:;base64,TEXT");
  }
  if (auto bytes = base::from_base64(location); bytes && bytes->size() >= kSecretBytesMin) return bytes;
  return fail(
      ErrorCode::config_error,
      "the key is neither file:///path, the path of a file that is there, data:;base64,TEXT nor base64");
}

}  // namespace

std::optional<std::filesystem::path> key_file(std::string_view location) {
  constexpr std::string_view kFile = "file://";
  if (location.starts_with(kFile)) return location.substr(kFile.size());
  std::error_code ignored;
  if (std::filesystem::is_regular_file(location, ignored)) return location;
  return std::nullopt;
}

std::string_view to_string(Algorithm algorithm) noexcept {
  constexpr std::array<std::string_view, 3> kNames{"HS256", "RS256", "ES256"};
  return kNames.at(static_cast<std::size_t>(algorithm));
}

Result<Key> Key::secret(std::string bytes) {
  // Whoever knows a public key could sign with it, were it taken for a secret.
  if (is_pem(bytes) || public_key(bytes))
    return fail(
        ErrorCode::config_error,
        "the secret key is a public key or a PEM file; a secret is at least 32 random bytes: make one "
        "with `geminga tokens create-secret-key`");
  if (bytes.size() < kSecretBytesMin)
    return fail(ErrorCode::config_error,
                fmt::format("the secret key has {} bytes; HS256 needs at least {}: make one with `geminga "
                            "tokens create-secret-key`",
                            bytes.size(), kSecretBytesMin));
  return Key(Algorithm::hs256, std::move(bytes));
}

Result<Key> Key::of_pair(evp_pkey_st* pair, std::string_view what, bool can_sign) {
  const std::shared_ptr<evp_pkey_st> owned(pair, EVP_PKEY_free);
  if (!owned)
    return fail(
        ErrorCode::config_error,
        fmt::format("the {} key is neither DER nor PEM of an RSA or EC key without a pass phrase", what));
  if (EVP_PKEY_is_a(pair, "RSA") == 1) {
    if (EVP_PKEY_get_bits(pair) >= kRsaBitsMin) return Key(Algorithm::rs256, owned, can_sign);
    return fail(ErrorCode::config_error, fmt::format("the {} key is RSA of {} bits; {} are the least", what,
                                                     EVP_PKEY_get_bits(pair), kRsaBitsMin));
  }
  std::array<char, 64> curve{};
  std::size_t size = 0;
  if (EVP_PKEY_is_a(pair, "EC") == 1 &&
      EVP_PKEY_get_group_name(pair, curve.data(), curve.size(), &size) == 1 &&
      std::string_view(curve.data(), size) == "prime256v1")
    return Key(Algorithm::es256, owned, can_sign);
  return fail(ErrorCode::config_error,
              fmt::format("the {} key is neither RSA (RS256) nor on the curve P-256 (ES256)", what));
}

Result<Key> Key::public_key(std::string_view bytes) {
  if (is_pem(bytes))
    return of_pair(PEM_read_bio_PUBKEY(reading(bytes).get(), nullptr, no_pass_phrase, nullptr), "public",
                   false);
  const unsigned char* at = bytes_of(bytes);
  return of_pair(d2i_PUBKEY(nullptr, &at, static_cast<long>(bytes.size())), "public", false);
}

Result<Key> Key::private_key(std::string_view bytes) {
  if (is_pem(bytes))
    return of_pair(PEM_read_bio_PrivateKey(reading(bytes).get(), nullptr, no_pass_phrase, nullptr), "private",
                   true);
  const unsigned char* at = bytes_of(bytes);
  return of_pair(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.size())), "private", true);
}

Result<std::string> Key::sign(std::string_view bytes) const {
  if (algorithm_ == Algorithm::hs256) return hmac(secret_, bytes);
  if (!can_sign_) return fail(ErrorCode::config_error, "a public key cannot sign; give the private key");
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  std::string signature;
  const bool good =
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, pair_.get()) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(bytes), bytes.size()) == 1 &&
      (signature.resize(size), true) &&
      EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(bytes), bytes.size()) == 1;
  if (!good) return fail(ErrorCode::config_error, "this private key does not sign");
  signature.resize(size);
  return algorithm_ == Algorithm::es256 ? raw_of(signature) : signature;
}

bool Key::verify(std::string_view bytes, std::string_view signature) const {
  if (algorithm_ == Algorithm::hs256) {
    const std::string mac = hmac(secret_, bytes);
    return mac.size() == signature.size() && CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
  }
  const std::string der = algorithm_ == Algorithm::es256 ? der_of(signature) : std::string(signature);
  if (der.empty()) return false;
  const DigestContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, pair_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(bytes), bytes.size()) == 1;
}

Result<std::string> read_key(std::string_view location) {
  return read_location(location, &base::read_secret_file);
}

Result<std::string> read_public_key(std::string_view location) {
  return read_location(location, &base::read_public_file);
}

Result<std::string> new_secret_key() {
  std::string bytes(kSecretBytes, '\0');
  if (RAND_priv_bytes(bytes_of(bytes), kSecretBytes) != 1)
    return fail(ErrorCode::unavailable, "the system gives no random bytes");
  return bytes;
}

Result<KeyPair> new_key_pair(Algorithm algorithm) {
  if (algorithm == Algorithm::hs256)
    return fail(ErrorCode::invalid_argument, "HS256 has one secret key and no pair; use RS256 or ES256");
  const Pair pair(algorithm == Algorithm::rs256
                      ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{kRsaBitsMin})
                      : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!pair) return fail(ErrorCode::unavailable, "the system gives no random bytes");
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freed<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>> pkcs8(
      EVP_PKEY2PKCS8(pair.get()));
  return KeyPair{
      .private_key = encoded([&](unsigned char** out) { return i2d_PKCS8_PRIV_KEY_INFO(pkcs8.get(), out); }),
      .public_key = encoded([&](unsigned char** out) { return i2d_PUBKEY(pair.get(), out); })};
}

}  // namespace geminga::auth
