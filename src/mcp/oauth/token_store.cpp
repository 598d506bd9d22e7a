#include "mcp/oauth/token_store.hpp"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "mcp/kept_file.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp::oauth {
namespace {

using nlohmann::json;

std::string text_of(const Credentials& credentials, bool with_secret) {
  const ServerMetadata& server = credentials.server;
  const Client& client = credentials.client;
  const Tokens& tokens = credentials.tokens;
  return json{{"server_url", credentials.server_url},
              {"resource", credentials.resource},
              {"issuer", server.issuer},
              {"token_endpoint", server.token_endpoint},
              {"token_auth_methods", server.token_auth_methods},
              {"client_id", client.id},
              {"client_secret", with_secret ? client.secret : ""},
              {"auth_method", client.auth_method},
              {"redirect_uri", client.redirect_uri},
              {"access_token", tokens.access},
              {"refresh_token", tokens.refresh},
              {"scope", tokens.scope},
              {"expires_at", tokens.expires_at}}
      .dump(2, ' ', true);
}

// Throws what the JSON library throws where a member is missing.
Credentials read(const json& file) {
  return {.server_url = file.at("server_url"),
          .resource = file.at("resource"),
          .server = {.issuer = file.at("issuer"),
                     .token_endpoint = file.at("token_endpoint"),
                     .token_auth_methods = file.at("token_auth_methods")},
          .client = {.id = file.at("client_id"),
                     .secret = file.at("client_secret"),
                     .auth_method = file.at("auth_method"),
                     .redirect_uri = file.at("redirect_uri")},
          .tokens = {.access = file.at("access_token"),
                     .refresh = file.at("refresh_token"),
                     .scope = file.at("scope"),
                     .expires_at = file.at("expires_at")}};
}

}  // namespace

std::optional<Credentials> TokenStore::load(const std::string& server_url) const {
  std::ifstream stream(file_, std::ios::binary);
  std::ostringstream text;
  if (file_.empty() || !stream || !(text << stream.rdbuf())) return std::nullopt;
  try {
    Credentials credentials = read(json::parse(text.view()));
    if (credentials.server_url == server_url) return credentials;
    log::info("mcp", "{} holds a token for another address and is not used", file_.native());
  } catch (const json::exception& error) {
    log::warn("mcp", "{} cannot be read and is not used: {}", file_.native(), error.what());
  }
  return std::nullopt;
}

Result<> TokenStore::save(const Credentials& credentials, bool with_secret) const {
  if (file_.empty()) return {};
  return keep_file(file_, text_of(credentials, with_secret));
}

}  // namespace geminga::mcp::oauth
