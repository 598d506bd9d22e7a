#include "mcp/oauth/crypto.hpp"

#include <memory>

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/base64.hpp"

namespace geminga::mcp::oauth {
namespace {

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  return base::from_base64(text).value_or("no base64");
}

// The three parts of a JWT, the last one verified as `key` signs.
void expect_signed(const std::string& jwt, EVP_PKEY* key, const std::string& algorithm) {
  const std::size_t dot = jwt.rfind('.');
  ASSERT_NE(dot, std::string::npos);
  const std::string text = jwt.substr(0, dot);
  EXPECT_EQ(from_base64url(text.substr(0, text.find('.'))), R"({"alg":")" + algorithm + R"(","typ":"JWT"})");
  EXPECT_EQ(from_base64url(text.substr(text.find('.') + 1)), R"({"a":1})");
  std::string signature = from_base64url(jwt.substr(dot + 1));
  if (algorithm == "ES256") {
    ASSERT_EQ(signature.size(), 64U) << "two numbers, not DER";
    ECDSA_SIG* parts = ECDSA_SIG_new();
    const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
    ECDSA_SIG_set0(parts, BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(parts, &der);
    signature.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    ECDSA_SIG_free(parts);
  }
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key);
  EXPECT_EQ(
      EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()),
      1);
  EVP_MD_CTX_free(context);
}

TEST(OAuthCrypto, TheExampleOfRfc7636) {
  EXPECT_EQ(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(OAuthCrypto, Base64urlHasNoPaddingAndNoSlash) {
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
}

TEST(OAuthCrypto, RandomTextsFitAVerifierAndDiffer) {
  const std::string one = random_text();
  EXPECT_EQ(one.size(), 43U) << "RFC 7636: 43 to 128 characters";
  EXPECT_NE(one, random_text());
}

TEST(OAuthCrypto, SignsWithACurveKeyAndWithAnRsaKey) {
  for (const char* kind : {"ES256", "RS256"}) {
    EVP_PKEY* key = std::string(kind) == "ES256" ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
    const auto jwt = sign_jwt(pem_of(key), R"({"a":1})");
    ASSERT_TRUE(jwt) << jwt.error().message;
    expect_signed(*jwt, key, kind);
    EVP_PKEY_free(key);
  }
}

TEST(OAuthCrypto, OtherKeysAreRefusedByName) {
  EVP_PKEY* key = EVP_EC_gen("P-384");
  EXPECT_NE(sign_jwt(pem_of(key), "{}").error().message.find("P-256"), std::string::npos);
  EVP_PKEY_free(key);
  EXPECT_NE(sign_jwt("no key", "{}").error().message.find("PEM"), std::string::npos);
}

}  // namespace
}  // namespace geminga::mcp::oauth
