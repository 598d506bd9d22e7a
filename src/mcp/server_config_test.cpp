#include "mcp/server_config.hpp"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

namespace geminga::mcp {
namespace {

const char* environment(const char* name) {
  if (std::strcmp(name, "TOKEN") == 0) return "secret";
  return std::strcmp(name, "EMPTY") == 0 ? "" : nullptr;
}

Result<ServerSet> parse(std::string_view text, const SettingsByServer& settings = {}) {
  return parse_servers(text, "mcp.json", settings, environment);
}

std::string error_of(std::string_view text, const SettingsByServer& settings = {}) {
  const auto set = parse(text, settings);
  return set ? "(no error)" : set.error().message;
}

TEST(ServerConfig, ReadsBothForms) {
  const auto set = parse(R"({ // a comment
    "mcpServers": {
      "files": {"type": "stdio", "command": "npx", "args": ["-y", "pkg", "${TOKEN}"], "env": {"K": "v-${env:TOKEN}"}, "cwd": "/tmp"},
      "remote": {"type": "http", "url": "https://h/mcp", "headers": {"Authorization": "Bearer ${TOKEN}", "X": "${NONE:-d}${EMPTY:-e}"}},
      "off": {"disabled": true, "command": "${UNSET_AND_UNUSED}"}}})",
                         {{"files", {.timeout = std::chrono::seconds{5}}}});
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->servers.size(), 2U);
  const auto& files = std::get<StdioEndpoint>(set->servers[0].endpoint);
  EXPECT_EQ(files.args, (std::vector<std::string>{"-y", "pkg", "secret"}));
  EXPECT_EQ(files.env.at("K"), "v-secret");
  EXPECT_EQ(files.cwd, "/tmp");
  EXPECT_EQ(set->servers[0].settings.timeout, std::chrono::seconds{5});
  const auto& remote = std::get<HttpEndpoint>(set->servers[1].endpoint);
  EXPECT_EQ(remote.headers.at("Authorization"), "Bearer secret");
  EXPECT_EQ(remote.headers.at("X"), "d");
  EXPECT_EQ(set->disabled, std::vector<std::string>{"off"});
  EXPECT_TRUE(set->warnings.empty());
}

TEST(ServerConfig, AnUnknownKeyIsAWarning) {
  const auto set = parse(R"({"mcpServers": {"s": {"command": "x", "autoApprove": []}}, "inputs": []})");
  ASSERT_TRUE(set);
  EXPECT_EQ(set->warnings, (std::vector<std::string>{
                               "mcp.json: key 'inputs' is not known and has no effect",
                               "mcp.json: server 's': key 'autoApprove' is not known and has no effect"}));
}

TEST(ServerConfig, ErrorsNameFileServerKeyAndRemedy) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "mcp.json is not JSON: parse error at line 1"},
      {"[]", "no object \"mcpServers\""},
      {R"({"servers": {}})", "no object \"mcpServers\""},
      {R"({"mcpServers": {"s": 7}})", "server 's' must be an object"},
      {R"({"mcpServers": {"": {"command": "x"}}})", "empty name"},
      {R"({"mcpServers": {"s": {}}})", "either 'command' (a program) or 'url'"},
      {R"({"mcpServers": {"s": {"command": "x", "url": "http://h"}}})",
       "either 'command' (a program) or 'url'"},
      {R"({"mcpServers": {"s": {"command": ""}}})", "empty 'command'"},
      {R"({"mcpServers": {"s": {"command": 7}}})", "'command' must be text"},
      {R"({"mcpServers": {"s": {"command": "x", "args": "y"}}})", "'args' must be a list"},
      {R"({"mcpServers": {"s": {"command": "x", "args": [1]}}})", "'args[0]' must be text"},
      {R"({"mcpServers": {"s": {"command": "x", "env": []}}})", "'env' must be an object"},
      {R"({"mcpServers": {"s": {"command": "x", "env": {"A=B": "c"}}}})", "no variable can have"},
      {R"({"mcpServers": {"s": {"command": "x", "env": {"A": "${NONE}"}}}})", "'env.A': ${NONE} is not set"},
      {R"({"mcpServers": {"s": {"command": "x\u0000y"}}})", "zero byte"},
      {R"({"mcpServers": {"s": {"command": "x", "disabled": "no"}}})", "'disabled' must be true or false"},
      {R"({"mcpServers": {"s": {"url": "ftp://h"}}})", "neither http:// nor https://"},
      {R"({"mcpServers": {"s": {"url": "http://h", "headers": {"A": "b\r\nC: d"}}}})",
       "'headers.A' is no HTTP header"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": true}}})", "'oauth' must be false or an object"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"client": "c"}}}})",
       "unknown key 'oauth.client'"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"grant": "password"}}}})",
       "'oauth.grant' must be"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"redirectPort": 65536}}}})",
       "'oauth.redirectPort'"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"grant": "client_credentials", "clientId": "c"}}}})",
       "needs clientId and clientSecret or privateKeyFile"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"clientSecret": "${SECRET:-x}"}}}})",
       "no clientId"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"clientId": "c", "clientSecret": "x"}}}})",
       "write where it is"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"privateNetwork": "yes"}}}})",
       "must be true or false"},
      {R"({"mcpServers": {"s": {"url": "http://h", "headers": {"A": "${file:/no/such}"}}}})",
       "cannot be read"},
      {R"({"mcpServers": {"s": {"url": "http://h", "headers": {"A": "${file:/dev/zero}"}}}})", "no secret"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {"clientMetadataUrl": "http://m"}}}})",
       "https://"},
      {R"({"mcpServers": {"s": {"url": "http://h", "oauth": {}, "headers": {"authorization": "x"}}}})",
       "leave one of them out"},
      {R"({"mcpServers": {"s": {"url": "http://h", "type": "sse"}}})", "replaced in 2025"},
      {R"({"mcpServers": {"s": {"url": "http://h", "type": "stdio"}}})", "does not go with 'url'"},
      {R"({"mcpServers": {"s": {"command": "x", "type": "http"}}})", "does not go with 'command'"},
      {R"({"mcpServers": {"s": {"command": "x", "type": "pigeon"}}})", "use 'stdio' or 'http'"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string error = error_of(text);
    EXPECT_NE(error.find(expected), std::string::npos) << text << "\n  gave: " << error;
    EXPECT_NE(error.find("mcp.json"), std::string::npos) << error;
  }
  EXPECT_NE(error_of(R"({"mcpServers": {"s": {"command": "x"}}})", {{"s", {.protocol = Protocol::invoke}}})
                .find("needs 'url'"),
            std::string::npos);
}

TEST(ServerConfig, OAuthOfAServer) {
  const auto set = parse(R"({"mcpServers": {
      "given": {"url": "http://h", "oauth": {"grant": "client_credentials", "clientId": "c", "clientSecret": "${SECRET:-s}",
                "scope": "a b", "redirectPort": 7777, "clientMetadataUrl": "https://m/c.json"}},
      "key": {"url": "http://h", "oauth": {"clientId": "c", "privateKeyFile": "/k"}},
      "never": {"url": "http://h", "oauth": false},
      "by_header": {"url": "http://h", "headers": {"authorization": "Bearer x"}},
      "usual": {"url": "http://h"}}})");
  ASSERT_TRUE(set) << set.error().message;
  const auto oauth = [&set](std::string_view name) {
    return std::get<HttpEndpoint>(std::ranges::find(set->servers, name, &ServerConfig::name)->endpoint).oauth;
  };
  EXPECT_EQ(oauth("given"), (oauth::Settings{.grant = oauth::Grant::client_credentials,
                                             .client_id = "c",
                                             .client_secret = "s",
                                             .client_metadata_url = "https://m/c.json",
                                             .scope = "a b",
                                             .redirect_port = 7777}));
  EXPECT_EQ(oauth("key").private_key_file, "/k");
  EXPECT_FALSE(oauth("never").enabled);
  EXPECT_FALSE(oauth("by_header").enabled) << "whoever gives a token means that token";
  EXPECT_EQ(oauth("usual"), oauth::Settings{});
  const std::string refused = error_of(R"({"mcpServers": {"s": {"url": "http://h", "oauth": {}}}})",
                                       {{"s", {.protocol = Protocol::invoke}}});
  EXPECT_NE(refused.find("'oauth'"), std::string::npos) << refused;
}

TEST(ServerConfig, LeavesAloneWhatIsNoVariable) {
  const auto set =
      parse(R"({"mcpServers": {"s": {"command": "x", "args": ["$TOKEN", "${", "${1x}", "a${b c}d", "$"]}}})");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(std::get<StdioEndpoint>(set->servers[0].endpoint).args,
            (std::vector<std::string>{"$TOKEN", "${", "${1x}", "a${b c}d", "$"}));
}

TEST(ServerConfig, AFileThatIsNotThere) {
  const auto set = load_servers("/no/such/mcp.json", {});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::io_error);
  EXPECT_NE(set.error().message.find("--mcp"), std::string::npos);
}

TEST(ServerConfig, PoliciesAndProtocolsByName) {
  EXPECT_EQ(*parse_retry_policy("never"), RetryPolicy::never);
  EXPECT_EQ(*parse_retry_policy("always"), RetryPolicy::always);
  EXPECT_EQ(*parse_retry_policy("retry_unknown"), RetryPolicy::retry_unknown);
  EXPECT_FALSE(parse_retry_policy("sometimes"));
  EXPECT_EQ(*parse_protocol("invoke"), Protocol::invoke);
  EXPECT_FALSE(parse_protocol("soap"));
  EXPECT_EQ(*parse_elicitation("defaults"), Elicitation::defaults);
  EXPECT_FALSE(parse_elicitation("ask"));
}

}  // namespace
}  // namespace geminga::mcp
