#include "mcp/oauth/token_store.hpp"

#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

namespace geminga::mcp::oauth {
namespace {

class TokenStoreTest : public testing::Test {
 protected:
  ~TokenStoreTest() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("token_store." + std::to_string(::getpid()));
  const std::filesystem::path file_ =
      (std::filesystem::create_directories(folder_), folder_ / "oauth" / "s.json");
  const TokenStore store_{file_};
  const Credentials credentials_{.server_url = "https://h/mcp",
                                 .resource = "https://h/",
                                 .server = {.issuer = "https://as",
                                            .token_endpoint = "https://as/token",
                                            .token_auth_methods = {"none"}},
                                 .client = {.id = "c",
                                            .secret = "s",
                                            .auth_method = "none",
                                            .redirect_uri = "http://127.0.0.1:1/callback"},
                                 .tokens = {.access = "a", .refresh = "r", .scope = "x y", .expires_at = 77}};
};

TEST_F(TokenStoreTest, WhatIsSavedIsLoadedForTheSameServerOnly) {
  ASSERT_TRUE(store_.save(credentials_, true));
  const auto loaded = store_.load("https://h/mcp");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->resource, "https://h/");
  EXPECT_EQ(loaded->server.token_endpoint, "https://as/token");
  EXPECT_EQ(loaded->server.token_auth_methods, credentials_.server.token_auth_methods);
  EXPECT_EQ(loaded->client.secret, "s");
  EXPECT_EQ(loaded->client.redirect_uri, credentials_.client.redirect_uri);
  EXPECT_EQ(loaded->tokens.access + loaded->tokens.refresh + loaded->tokens.scope, "arx y");
  EXPECT_EQ(loaded->tokens.expires_at, 77);
  EXPECT_FALSE(store_.load("https://elsewhere/mcp"));
}

TEST_F(TokenStoreTest, NobodyElseReadsItAndConfiguredSecretsAreNotInIt) {
  ASSERT_TRUE(store_.save(credentials_, false));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(file_).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_EQ(std::filesystem::status(file_.parent_path()).permissions(), perms::owner_all);
  EXPECT_EQ(store_.load("https://h/mcp")->client.secret, "");
}

TEST_F(TokenStoreTest, WhatCannotBeReadIsAsIfItWereNotThere) {
  EXPECT_FALSE(store_.load("https://h/mcp"));
  ASSERT_TRUE(store_.save(credentials_, true));
  for (const char* text : {"", "[]", "{\"server_url\": 7}", "{"}) {
    std::ofstream(file_) << text;
    EXPECT_FALSE(store_.load("https://h/mcp")) << text;
  }
  EXPECT_FALSE(TokenStore({}).load("https://h/mcp"));
  EXPECT_TRUE(TokenStore({}).save(credentials_, true));
  EXPECT_FALSE(TokenStore("/proc/nowhere/s.json").save(credentials_, true));
}

}  // namespace
}  // namespace geminga::mcp::oauth
