#include "auth/token.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/base64.hpp"

namespace geminga::auth {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;  // of a new ManualClock

std::string base64url(std::string_view bytes) {
  std::string text = base::to_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

class TokenTest : public ::testing::Test {
 protected:
  /// Signed with our key, whatever header and claims say.
  [[nodiscard]] std::string token(std::string_view header, std::string_view claims) const {
    const std::string text = base64url(header) + '.' + base64url(claims);
    return text + '.' + base64url(key_.sign(text).value());
  }
  [[nodiscard]] std::string with_claims(std::string_view claims) const {
    return token(R"({"alg":"HS256"})", claims);
  }
  [[nodiscard]] std::string with_header(std::string_view header) const {
    return token(header, R"({"sub":"alice"})");
  }
  void expect_refused(std::string_view token, std::string_view why) const {
    const auto claims = verifier_.verify(token);
    ASSERT_FALSE(claims) << why;
    EXPECT_EQ(claims.error().code, ErrorCode::unauthorized) << why;
    if (token.size() > 40) {
      EXPECT_EQ(claims.error().message.find(token.substr(0, 40)), std::string::npos)
          << "a token is never shown: " << why;
    }
  }

  base::ManualClock clock_;
  const Key key_ = Key::secret(std::string(32, 'k')).value();
  const TokenVerifier verifier_{key_, {.audience = {}, .clock = &clock_}};
};

TEST_F(TokenTest, SaysWhoseItIs) {
  Claims claims{.subject = "alice", .expires_at = kNow + 10, .issued_at = kNow, .audience = {"a", "b"}};
  const auto read = verifier_.verify(sign_token(key_, claims).value());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->subject, "alice");
  EXPECT_EQ(read->expires_at, kNow + 10);
  EXPECT_EQ(read->audience, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(verifier_.verify(with_claims(R"({"sub":"Ünï/code:role","more":{"deep":[1]}})")));
  EXPECT_TRUE(verifier_.verify(with_header(R"({"typ":"JWT","alg":"HS256","kid":"../../x"})")));
  EXPECT_EQ(read_unverified(sign_token(key_, claims).value())->claims.subject, "alice");
}

TEST_F(TokenTest, AnotherSignatureOrAlgorithmIsRefused) {
  const std::string claims = R"({"sub":"alice"})";
  for (const auto* alg : {"none", "None", "nOnE", "", "hs256", "HS384", "HS512", "RS256", "ES256", "PS256"}) {
    const std::string header = std::string(R"({"alg":")") + alg + "\"}";
    expect_refused(with_header(header), alg);
    expect_refused(base64url(header) + '.' + base64url(claims) + '.', "unsigned");
  }
  for (const auto* header : {"{}", "[]", "null", "", "{", R"({"alg":null})", R"({"alg":["HS256"]})",
                             R"({"alg":"HS256","alg":"HS256"})", R"({"alg":"HS256","crit":["exp"]})"})
    expect_refused(with_header(header), header);
  const auto pair = new_key_pair(Algorithm::rs256).value();
  const auto foreign = sign_token(Key::private_key(pair.private_key).value(), {.subject = "alice"}).value();
  expect_refused(foreign, "another algorithm");
  expect_refused(sign_token(Key::secret(std::string(32, 'x')).value(), {.subject = "alice"}).value(),
                 "another secret");
}

TEST_F(TokenTest, APublicKeyIsNoSecret) {
  const auto pair = new_key_pair(Algorithm::rs256).value();
  const TokenVerifier verifier(Key::public_key(pair.public_key).value(), {.audience = {}, .clock = &clock_});
  EXPECT_TRUE(
      verifier.verify(sign_token(Key::private_key(pair.private_key).value(), {.subject = "a"}).value()));
  // The HMAC of a text under the public key's bytes, by a signer that has no such scruples.
  const std::string text = base64url(R"({"alg":"HS256"})") + '.' + base64url(R"({"sub":"a"})");
  const auto forged = verifier.verify(text + '.' + base64url(std::string(32, 'm')));
  ASSERT_FALSE(forged);
  EXPECT_NE(forged.error().message.find("RS256"), std::string::npos) << forged.error().message;
}

TEST_F(TokenTest, OtherFormsAreRefused) {
  const std::string good = with_claims(R"({"sub":"alice"})");
  ASSERT_TRUE(verifier_.verify(good));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("..."), good + ".", "." + good,
        good + ".x", good.substr(0, good.size() - 1), good.substr(0, good.rfind('.')), good + "=",
        good + "\n", " " + good, good + " ", "Bearer " + good, std::string(8 << 10, 'a') + good})
    expect_refused(bad, bad.substr(0, 20));
  // Another text of the same bytes: the last character has bits that stand for nothing.
  std::string twin = good;
  twin.back() = static_cast<char>(twin.back() == 'A' ? 'B' : twin.back() + 1);
  expect_refused(twin, "not canonical");
}

TEST_F(TokenTest, ClaimsThatNobodyShouldMakeAreRefused) {
  for (const auto* claims : {"",
                             "{}",
                             "[]",
                             R"({"sub":""})",
                             R"({"sub":7})",
                             R"({"sub":["alice"]})",
                             R"({"sub":null})",
                             R"({"sub":"a\u0000"})",
                             R"({"sub":"a\n"})",
                             R"({"sub":" a"})",
                             R"({"sub":"a "})",
                             R"({"sub":"*"})",
                             R"({"sub":"a","sub":"b"})",
                             "{\"sub\":\"\xff\"}",
                             R"({"sub":"a"} x)",
                             R"({"sub":"a","exp":"2999"})",
                             R"({"sub":"a","exp":1800000000.5})",
                             R"({"sub":"a","exp":-1})",
                             R"({"sub":"a","exp":1e300})",
                             R"({"sub":"a","exp":9223372036854775808})",
                             R"({"sub":"a","exp":null})",
                             R"({"sub":"a","nbf":[]})",
                             R"({"sub":"a","iat":true})",
                             R"({"sub":"a","aud":7})",
                             R"({"sub":"a","aud":[7]})"})
    expect_refused(with_claims(claims), claims);
  expect_refused(with_claims(R"({"sub":")" + std::string(256, 'a') + "\"}"), "long");
  expect_refused(with_claims(R"({"sub":"a","x":)" + std::string(2'000, '[') + std::string(2'000, ']') + "}"),
                 "deep");
  EXPECT_FALSE(sign_token(key_, {.subject = "*"}));
}

TEST_F(TokenTest, TimesCountWithALeeway) {
  const auto at = [&](const char* name, std::int64_t time) {
    return with_claims(R"({"sub":"a",")" + std::string(name) + "\":" + std::to_string(time) + "}");
  };
  const std::int64_t leeway = kLeeway.count();
  EXPECT_TRUE(verifier_.verify(at("exp", kNow - leeway + 1)));
  expect_refused(at("exp", kNow - leeway), "expired");
  expect_refused(at("exp", 0), "expired long ago");
  EXPECT_TRUE(verifier_.verify(at("nbf", kNow + leeway)));
  expect_refused(at("nbf", kNow + leeway + 1), "not yet");
  EXPECT_TRUE(verifier_.verify(at("iat", kNow + leeway)));
  expect_refused(at("iat", kNow + leeway + 1), "issued in the future");
  const std::string token = at("exp", kNow + 100);
  EXPECT_TRUE(verifier_.verify(token));
  clock_.jump(std::chrono::hours{1});
  expect_refused(token, "the wall clock counts");
}

TEST_F(TokenTest, TheAudienceMustBeNamedWhereOneIsAsked) {
  const TokenVerifier picky(key_, {.audience = "geminga", .clock = &clock_});
  EXPECT_TRUE(picky.verify(with_claims(R"({"sub":"a","aud":"geminga"})")));
  EXPECT_TRUE(picky.verify(with_claims(R"({"sub":"a","aud":["x","geminga"]})")));
  for (const auto* claims : {R"({"sub":"a"})", R"({"sub":"a","aud":"Geminga"})", R"({"sub":"a","aud":[]})"})
    EXPECT_FALSE(picky.verify(with_claims(claims))) << claims;
}

}  // namespace
}  // namespace geminga::auth
