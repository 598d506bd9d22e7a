#include "mcp/oauth/crypto.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "base/assert.hpp"
#include "base/base64.hpp"
#include "base/try.hpp"

namespace geminga::mcp::oauth {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

constexpr std::size_t kCoordinate = 32;  // bytes of one number of a P-256 signature
constexpr int kRsaBitsMin = 2048;

std::string_view view(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// A DER sequence of two numbers; JWS wants them one behind the other (RFC 7518 section 3.4).
std::optional<std::string> joined(const std::vector<unsigned char>& der) {
  const unsigned char* at = der.data();
  const SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::array<unsigned char, 2 * kCoordinate> both{};
  if (signature == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), both.data(), kCoordinate) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), both.data() + kCoordinate, kCoordinate) < 0)
    return std::nullopt;
  return std::string(view(both.data(), both.size()));
}

std::optional<std::vector<unsigned char>> sign(EVP_PKEY* key, const std::string& text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const DigestPtr digest(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) != 1)
    return std::nullopt;
  std::vector<unsigned char> signature(size);
  if (EVP_DigestSign(digest.get(), signature.data(), &size, bytes, text.size()) != 1) return std::nullopt;
  signature.resize(size);
  return signature;
}

Result<std::string_view> algorithm_of(const EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t length = 0;
  if (EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kRsaBitsMin) return "RS256";
  if (EVP_PKEY_is_a(key, "EC") == 1 &&
      EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1 &&
      view(reinterpret_cast<const unsigned char*>(group.data()), length) == "prime256v1")
    return "ES256";
  return fail(ErrorCode::config_error, "the private key is neither of the curve P-256 nor RSA of 2048 bits");
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string text = base::to_base64(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

std::string random_text() {
  std::array<unsigned char, 32> bytes{};
  const int done = RAND_bytes(bytes.data(), bytes.size());
  GEMINGA_ASSERT(done == 1);
  return base64url(view(bytes.data(), bytes.size()));
}

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr);
  GEMINGA_ASSERT(done == 1);
  return std::string(view(hash.data(), size));
}

std::string pkce_challenge(std::string_view verifier) {
  return base64url(sha256(verifier));
}

Result<std::string> sign_jwt(const std::string& private_key_pem, std::string_view claims) {
  const BioPtr bio(BIO_new_mem_buf(private_key_pem.data(), static_cast<int>(private_key_pem.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr) return fail(ErrorCode::config_error, "this is no private key in PEM without password");
  GEMINGA_TRY(const std::string_view algorithm, algorithm_of(key.get()));
  const std::string header = R"({"alg":")" + std::string(algorithm) + R"(","typ":"JWT"})";
  const std::string text = base64url(header) + "." + base64url(claims);
  const auto signature = sign(key.get(), text);
  if (!signature) return fail(ErrorCode::io_error, "the private key cannot sign");
  const auto form =
      algorithm == "ES256" ? joined(*signature) : std::string(view(signature->data(), signature->size()));
  if (!form) return fail(ErrorCode::io_error, "the private key cannot sign");
  return text + "." + base64url(*form);
}

}  // namespace geminga::mcp::oauth
