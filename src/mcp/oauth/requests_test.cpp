#include "mcp/oauth/requests.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "mcp/oauth/crypto.hpp"

namespace geminga::mcp::oauth {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string kResourceUrl = "https://h/mcp";

ServerMetadata server(std::vector<std::string> methods = {}) {
  return {.issuer = "https://as",
          .authorization_endpoint = "https://as/authorize",
          .token_endpoint = "https://as/token",
          .registration_endpoint = "https://as/register",
          .token_auth_methods = std::move(methods)};
}

TEST(OAuthRequests, TheInvitationOfAPerson) {
  const Invitation invitation{.redirect_uri = "http://127.0.0.1:1/callback",
                              .state = "s",
                              .verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                              .scope = "a b"};
  EXPECT_EQ(
      authorization_url(server(), {.id = "me&you"}, invitation, kResourceUrl),
      "https://as/"
      "authorize?response_type=code&client_id=me%26you&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback"
      "&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
      "&scope=a%20b&resource=https%3A%2F%2Fh%2Fmcp");
  ServerMetadata with_query = server();
  with_query.authorization_endpoint += "?tenant=1";
  const std::string url = authorization_url(with_query, {.id = "me"}, {}, kResourceUrl);
  EXPECT_THAT(url, HasSubstr("?tenant=1&response_type=code"));
  EXPECT_THAT(url, Not(HasSubstr("scope="))) << "what is not asked for is not there";
}

struct Sent {
  std::string authorization;
  std::string body;
};
Sent sent(const std::vector<std::string>& methods, const Client& client) {
  const auto request = token_request(server(methods), client, client_credentials_form("a b", kResourceUrl));
  if (!request) return {request.error().message, ""};
  return {std::string(request->headers.get("Authorization")), request->body};
}

TEST(OAuthRequests, HowWeProveWhoWeAre) {
  const Client client{.id = "me", .secret = "p:w"};
  const std::string basic = "Basic " + base::to_base64("me:p%3Aw");
  EXPECT_EQ(sent({}, client).authorization, basic);
  EXPECT_EQ(sent({"client_secret_post", "client_secret_basic"}, client).authorization, basic);
  EXPECT_THAT(sent({}, client).body, Not(HasSubstr("client_id")));

  const Sent posted = sent({"client_secret_post"}, client);
  EXPECT_EQ(posted.authorization, "");
  EXPECT_EQ(posted.body,
            "grant_type=client_credentials&scope=a%20b&resource=https%3A%2F%2Fh%2Fmcp&client_id=me&client_"
            "secret=p%3Aw");

  for (const Sent& open : {sent({"none"}, client), sent({"client_secret_basic"}, {.id = "me"})}) {
    EXPECT_EQ(open.authorization, "");
    EXPECT_THAT(open.body, HasSubstr("client_id=me"));
    EXPECT_THAT(open.body, Not(HasSubstr("secret")));
  }
  EXPECT_THAT(sent({"tls_client_auth"}, client).authorization, HasSubstr("tls_client_auth"));
  EXPECT_EQ(sent({"client_secret_basic"}, {.id = "me", .secret = "s", .auth_method = "client_secret_post"})
                .authorization,
            "")
      << "as it was registered";
  EXPECT_THAT(sent({}, {.id = "me", .private_key_pem = "no key"}).authorization, HasSubstr("PEM"));
}

TEST(OAuthRequests, TokensThatComeBack) {
  const auto tokens =
      read_tokens(200, R"({"access_token":"t","refresh_token":"r","scope":"a","expires_in":60})", 100);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->access, "t");
  EXPECT_EQ(tokens->refresh, "r");
  EXPECT_EQ(tokens->scope, "a");
  EXPECT_EQ(tokens->expires_at, 160);
  EXPECT_EQ(read_tokens(200, R"({"access_token":"t"})", 100)->expires_at, 0);
  EXPECT_GT(read_tokens(200, R"({"access_token":"t","expires_in":1e300})", 100)->expires_at, 100);
  EXPECT_EQ(read_tokens(200, R"({"access_token":"t","expires_in":-5})", 100)->expires_at, 100);

  const auto refused = read_tokens(400, R"({"error":"invalid_grant","error_description":"too late"})", 0);
  EXPECT_EQ(refused.error().code, ErrorCode::unauthorized);
  EXPECT_THAT(refused.error().message, HasSubstr("invalid_grant: too late"));
  EXPECT_THAT(read_tokens(502, "<html>", 0).error().message, HasSubstr("502"));
  for (const char* bad : {"", "[]", "{}", R"({"access_token":7})", R"({"access_token":"a\r\nX: y"})"})
    EXPECT_EQ(read_tokens(200, bad, 0).error().code, ErrorCode::protocol_error) << bad;
}

TEST(OAuthRequests, Registration) {
  const auto body = [](std::vector<std::string> methods) {
    return json::parse(registration_request(server(std::move(methods)), "http://127.0.0.1:5/callback").body);
  };
  EXPECT_EQ(body({"client_secret_basic", "none"}).at("token_endpoint_auth_method"), "none");
  EXPECT_EQ(body({"client_secret_post"}).at("token_endpoint_auth_method"), "client_secret_post");
  EXPECT_EQ(body({}).at("token_endpoint_auth_method"), "client_secret_basic");
  EXPECT_EQ(body({}).at("redirect_uris"), json::array({"http://127.0.0.1:5/callback"}));
  EXPECT_EQ(body({}).at("grant_types"), json::array({"authorization_code", "refresh_token"}));

  const auto client = read_registration(201, R"({"client_id":"c","client_secret":"s"})", "uri");
  ASSERT_TRUE(client);
  EXPECT_EQ(client->id + client->secret + client->redirect_uri, "csuri");
  EXPECT_EQ(read_registration(201, "{}", "").error().code, ErrorCode::protocol_error);
  EXPECT_EQ(read_registration(403, "{}", "").error().code, ErrorCode::unauthorized);
}

}  // namespace
}  // namespace geminga::mcp::oauth
