#include "auth/key.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/uuid.hpp"

namespace geminga::auth {
namespace {

// The keys and signatures of RFC 7515, appendix A.1 to A.3, in the form of DER.
constexpr const char* kSecret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==";
constexpr const char* kRsa =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHm"
    "fHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+"
    "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJ"
    "H7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQAB";
constexpr const char* kEc =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ld"
    "bqkLJK2KRiMohYjlrQ==";
const std::string kClaims =
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

std::string bytes(std::string_view base64) {
  return base::from_base64(base64).value();
}

TEST(Key, ChecksTheSignaturesOfRfc7515) {
  struct Case {
    Key key;
    std::string header;
    const char* signature;
  };
  const Case cases[] = {
      {Key::secret(bytes(kSecret)).value(), "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
       "dBjftJeZ4CVP+mB92K27uhbUJU1p1r/wW1gFWFOEjXk="},
      {Key::public_key(bytes(kRsa)).value(), "eyJhbGciOiJSUzI1NiJ9",
       "cC4hiUPoj9Eetdgtv3hF80EGrhuB//dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh+0Qc/lF5YKt/O8W2Fp5jujGbds9"
       "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB++f/nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
       "/eSN9383LcOLn6/dO++xi12jzDwusC+eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
       "Vt5AXLIhWkWywlVmtVrBp0igcN/IoypGlUPQGe77Rw=="},
      {Key::public_key(bytes(kEc)).value(), "eyJhbGciOiJFUzI1NiJ9",
       "DtEhU3ljbEg8L38VWAfUAqOyKAM6+Xx+F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3+Kg6NU1Q=="}};
  for (const auto& [key, header, signature] : cases) {
    const std::string text = header + kClaims;
    const std::string good = bytes(signature);
    EXPECT_TRUE(key.verify(text, good)) << to_string(key.algorithm());
    EXPECT_FALSE(key.verify(text + "x", good));
    EXPECT_FALSE(key.verify(text, ""));
    EXPECT_FALSE(key.verify(text, good.substr(1)));
    EXPECT_FALSE(key.verify(text, good + '\0'));
    for (std::size_t i = 0; i < good.size(); i += 7) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 1);
      EXPECT_FALSE(key.verify(text, bad)) << i;
    }
  }
  EXPECT_FALSE(cases[2].key.verify("x", std::string(64, '\0'))) << "R = S = 0";
}

TEST(Key, NewKeysSignAndCheck) {
  const auto secret = Key::secret(new_secret_key().value()).value();
  EXPECT_TRUE(secret.verify("text", secret.sign("text").value()));
  for (const auto algorithm : {Algorithm::rs256, Algorithm::es256}) {
    const auto pair = new_key_pair(algorithm).value();
    const auto signing = Key::private_key(pair.private_key).value();
    const auto checking = Key::public_key(pair.public_key).value();
    EXPECT_EQ(signing.algorithm(), algorithm);
    EXPECT_EQ(checking.algorithm(), algorithm);
    EXPECT_TRUE(checking.verify("text", signing.sign("text").value()));
    EXPECT_FALSE(checking.verify("other", signing.sign("text").value()));
    EXPECT_EQ(checking.sign("text").error().code, ErrorCode::config_error);
    EXPECT_EQ(Key::secret(pair.public_key).error().code, ErrorCode::config_error)
        << "whoever has it could sign with it";
  }
  EXPECT_FALSE(new_key_pair(Algorithm::hs256));
}

TEST(Key, WhatIsNoKeyIsRefused) {
  EXPECT_FALSE(Key::secret("short"));
  EXPECT_FALSE(Key::secret("-----BEGIN PUBLIC KEY-----\n" + std::string(100, 'A')));
  EXPECT_FALSE(Key::public_key("no key at all"));
  EXPECT_FALSE(Key::public_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
  EXPECT_FALSE(Key::private_key(bytes(kEc)));
}

TEST(Key, IsReadAsPulsarNamesIt) {
  const auto file = std::filesystem::temp_directory_path() / ("geminga-key-" + base::random_uuid());
  const std::string secret = bytes(kSecret);
  std::ofstream(file, std::ios::binary) << secret;
  EXPECT_EQ(read_key("file://" + file.string()).value(), secret);
  EXPECT_EQ(read_key(file.string()).value(), secret);
  EXPECT_EQ(read_key(std::string("data:;base64,") + kSecret).value(), secret);
  EXPECT_EQ(read_key(kSecret).value(), secret);
  EXPECT_EQ(read_public_key(file.string()).value(), secret);
  EXPECT_EQ(key_file("file://" + file.string()), file);
  EXPECT_EQ(key_file(file.string()), file);
  std::filesystem::remove(file);
  for (const std::string& no_file : {file.string(), std::string(kSecret), std::string()})
    EXPECT_EQ(key_file(no_file), std::nullopt) << no_file;
  EXPECT_EQ(read_key("file://" + file.string()).error().code, ErrorCode::config_error);
  for (const auto* wrong : {"", "data:;base64,???", "data:text", "/no/such/file"}) {
    const auto refused = read_key(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, ErrorCode::config_error);
  }
  EXPECT_EQ(read_key("data:;base64,c2VjcmV0*").error().message.find("c2Vj"), std::string::npos);
}

}  // namespace
}  // namespace geminga::auth
