#include "mcp/oauth/metadata.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace geminga::mcp::oauth {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(OAuthMetadata, WhereAResourceMayDescribeItself) {
  EXPECT_THAT(resource_metadata_urls("https://h:8443/a/mcp?x=1", ""),
              ElementsAre("https://h:8443/.well-known/oauth-protected-resource/a/mcp",
                          "https://h:8443/.well-known/oauth-protected-resource"));
  EXPECT_THAT(resource_metadata_urls("https://h/", ""),
              ElementsAre("https://h/.well-known/oauth-protected-resource"));
  EXPECT_THAT(resource_metadata_urls("https://h", "https://h/elsewhere"),
              ElementsAre("https://h/elsewhere", "https://h/.well-known/oauth-protected-resource"));
  EXPECT_EQ(resource_metadata_urls("https://h/m", "https://h/.well-known/oauth-protected-resource/m").size(),
            2U);
}

TEST(OAuthMetadata, WhereAnAuthorizationServerMayDescribeItself) {
  EXPECT_THAT(server_metadata_urls("https://as"),
              ElementsAre("https://as/.well-known/oauth-authorization-server",
                          "https://as/.well-known/openid-configuration"));
  EXPECT_THAT(server_metadata_urls("https://as/tenant/"),
              ElementsAre("https://as/.well-known/oauth-authorization-server/tenant",
                          "https://as/.well-known/openid-configuration/tenant",
                          "https://as/tenant/.well-known/openid-configuration"));
}

json resource(const std::string& of) {
  return {{"resource", of}, {"authorization_servers", {"https://as"}}, {"scopes_supported", {"a", "b"}}};
}

TEST(OAuthMetadata, AResourceIsTheServerOrAbove) {
  for (const char* right :
       {"https://h/mcp", "https://h/mcp/", "https://h", "https://h/", "https://H:443/mcp"}) {
    const auto read = read_resource_metadata(resource(right).dump(), "https://h/mcp");
    ASSERT_TRUE(read) << right;
    EXPECT_EQ(read->issuer, "https://as");
    EXPECT_THAT(read->scopes, ElementsAre("a", "b"));
  }
  for (const char* wrong : {"", "https://evil.example.com/mcp", "https://h/mc", "https://h/mcp/more",
                            "http://h/mcp", "https://h:8443/mcp", "mcp"}) {
    const auto read = read_resource_metadata(resource(wrong).dump(), "https://h/mcp");
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::protocol_error) << wrong;
  }
}

TEST(OAuthMetadata, AResourceNeedsAnAuthorizationServer) {
  EXPECT_EQ(read_resource_metadata("<html>", "https://h").error().code, ErrorCode::parse_error);
  EXPECT_EQ(read_resource_metadata("[]", "https://h").error().code, ErrorCode::parse_error);
  json none = resource("https://h");
  none["authorization_servers"] = json::array({1});
  EXPECT_THAT(read_resource_metadata(none.dump(), "https://h").error().message,
              HasSubstr("no authorization server"));
}

json server() {
  return {{"issuer", "https://as"},
          {"authorization_endpoint", "https://as/authorize"},
          {"token_endpoint", "https://as/token"},
          {"code_challenge_methods_supported", {"plain", "S256"}},
          {"token_endpoint_auth_methods_supported", {"none"}},
          {"client_id_metadata_document_supported", true}};
}

TEST(OAuthMetadata, AServerMustBeWhoItIsAskedForAndOfferS256) {
  const auto read = read_server_metadata(server().dump(), "https://as/", false);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->takes_client_documents);
  EXPECT_EQ(read->registration_endpoint, "");
  EXPECT_THAT(read_server_metadata(server().dump(), "https://other", false).error().message,
              HasSubstr("calls itself"));
  EXPECT_TRUE(read_server_metadata(server().dump(), "https://other", true));

  json weak = server();
  weak["code_challenge_methods_supported"] = {"plain"};
  EXPECT_THAT(read_server_metadata(weak.dump(), "https://as", false).error().message, HasSubstr("S256"));
  weak.erase("authorization_endpoint");
  EXPECT_TRUE(read_server_metadata(weak.dump(), "https://as", false)) << "machines only: no codes, no PKCE";
  weak.erase("token_endpoint");
  EXPECT_THAT(read_server_metadata(weak.dump(), "https://as", false).error().message,
              HasSubstr("token endpoint"));
}

TEST(OAuthMetadata, TokensGoOverTlsAndNobodyElsewhereSendsUsHome) {
  EXPECT_TRUE(check_endpoint("https://as/token", "https://h/mcp"));
  EXPECT_TRUE(check_endpoint("http://localhost:1/token", "http://127.0.0.1:2/mcp"));
  EXPECT_THAT(check_endpoint("http://as/token", "https://h/mcp").error().message, HasSubstr("not https"));
  EXPECT_THAT(check_endpoint("https://localhost/token", "https://h/mcp").error().message,
              HasSubstr("this machine"));
  EXPECT_FALSE(check_endpoint("file:///etc/passwd", "http://localhost"));
  EXPECT_FALSE(check_endpoint("", "http://localhost"));
  json moved = server();
  moved["token_endpoint"] = "http://as/token";
  EXPECT_FALSE(read_server_metadata(moved.dump(), "https://as", false));
}

TEST(OAuthMetadata, Scopes) {
  EXPECT_EQ(join_scopes("a b", " b  c "), "a b c");
  EXPECT_EQ(join_scopes("", ""), "");
  EXPECT_TRUE(covers("a b", "b"));
  EXPECT_TRUE(covers("", ""));
  EXPECT_FALSE(covers("ab", "b"));
}

}  // namespace
}  // namespace geminga::mcp::oauth
