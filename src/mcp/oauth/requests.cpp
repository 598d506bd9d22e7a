#include "mcp/oauth/requests.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/try.hpp"
#include "mcp/oauth/crypto.hpp"
#include "net/http_path.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp::oauth {
namespace {

using nlohmann::json;
using wire::mcp::string_member;

constexpr std::chrono::seconds kTimeout{15};
constexpr std::size_t kAnswerMax = 64 * 1024;
constexpr std::int64_t kAssertionSeconds = 300;
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::string_view kUsualMethod = "client_secret_basic";  // where a server names none (RFC 8414)

std::string encode(const Form& form) {
  std::string text;
  for (const auto& [name, value] : form) {
    if (value.empty()) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", net::percent_encode(name),
                        net::percent_encode(value));
  }
  return text;
}

// What the server takes of what we can do.
std::string auth_method(const ServerMetadata& server, const Client& client) {
  if (!client.auth_method.empty()) return client.auth_method;
  const auto takes = [&server](std::string_view method) {
    return std::ranges::find(server.token_auth_methods, method) != server.token_auth_methods.end() ||
           (server.token_auth_methods.empty() && method == kUsualMethod);
  };
  if (!client.private_key_pem.empty()) return "private_key_jwt";
  if (client.secret.empty()) return "none";
  for (const char* method : {"client_secret_basic", "client_secret_post", "none"}) {
    if (takes(method)) return method;
  }
  return {};
}

Result<std::string> assertion(const ServerMetadata& server, const Client& client) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return sign_jwt(client.private_key_pem, json{{"iss", client.id},
                                               {"sub", client.id},
                                               {"aud", server.issuer},
                                               {"iat", now},
                                               {"exp", now + kAssertionSeconds},
                                               {"jti", random_text()}}
                                              .dump());
}

net::ClientRequest post(std::string url, std::string type, std::string body) {
  return {.method = "POST",
          .url = std::move(url),
          .headers = {{"Content-Type", std::move(type)}, {"Accept", "application/json"}},
          .body = std::move(body),
          .timeout = kTimeout,
          .max_response_bytes = kAnswerMax};
}

Result<json> read_answer(int status, std::string_view body, std::string_view what) {
  auto answer = wire::mcp::parse_json(body);
  const bool usable = answer && answer->is_object();
  if (status >= 200 && status < 300 && usable) return answer;
  std::string why = fmt::format("HTTP status {}", status);
  if (usable && !string_member(*answer, "error").empty()) {
    const std::string text = string_member(*answer, "error_description");
    why = string_member(*answer, "error") + (text.empty() ? "" : ": " + text);
  }
  return fail(status >= 200 && status < 300 ? ErrorCode::protocol_error : ErrorCode::unauthorized,
              fmt::format("the authorization server gave no {}: {}", what, why));
}

}  // namespace

std::string authorization_url(const ServerMetadata& server, const Client& client,
                              const Invitation& invitation, const std::string& resource) {
  const std::string& endpoint = server.authorization_endpoint;
  return fmt::format("{}{}{}", endpoint, endpoint.find('?') == std::string::npos ? "?" : "&",
                     encode({{"response_type", "code"},
                             {"client_id", client.id},
                             {"redirect_uri", invitation.redirect_uri},
                             {"state", invitation.state},
                             {"code_challenge", pkce_challenge(invitation.verifier)},
                             {"code_challenge_method", "S256"},
                             {"scope", invitation.scope},
                             {"resource", resource}}));
}

Form code_form(const std::string& code, const Invitation& invitation, const std::string& resource) {
  return {{"grant_type", "authorization_code"},
          {"code", code},
          {"redirect_uri", invitation.redirect_uri},
          {"code_verifier", invitation.verifier},
          {"resource", resource}};
}

Form refresh_form(const Tokens& tokens, const std::string& resource) {
  return {{"grant_type", "refresh_token"}, {"refresh_token", tokens.refresh}, {"resource", resource}};
}

Form client_credentials_form(const std::string& scope, const std::string& resource) {
  return {{"grant_type", "client_credentials"}, {"scope", scope}, {"resource", resource}};
}

Result<net::ClientRequest> token_request(const ServerMetadata& server, const Client& client, Form form) {
  const std::string method = auth_method(server, client);
  if (method.empty()) {
    return fail(
        ErrorCode::config_error,
        fmt::format("the authorization server takes only {}; clients here can do client_secret_basic, "
                    "client_secret_post, private_key_jwt (oauth.privateKeyFile in mcp.json) and none",
                    fmt::join(server.token_auth_methods, ", ")));
  }
  if (method != kUsualMethod) form.emplace_back("client_id", client.id);
  if (method == "client_secret_post") form.emplace_back("client_secret", client.secret);
  if (method == "private_key_jwt") {
    GEMINGA_TRY(std::string signed_claims, assertion(server, client));
    form.emplace_back("client_assertion_type", kAssertionType);
    form.emplace_back("client_assertion", std::move(signed_claims));
  }
  auto request = post(server.token_endpoint, "application/x-www-form-urlencoded", encode(form));
  if (method == kUsualMethod) {
    const std::string pair = net::percent_encode(client.id) + ":" + net::percent_encode(client.secret);
    request.headers.add("Authorization", "Basic " + base::to_base64(pair));
  }
  return request;
}

Result<Tokens> read_tokens(int status, std::string_view body, std::int64_t now) {
  GEMINGA_TRY(const json answer, read_answer(status, body, "token"));
  Tokens tokens{.access = string_member(answer, "access_token"),
                .refresh = string_member(answer, "refresh_token"),
                .scope = string_member(answer, "scope")};
  if (tokens.access.empty() || tokens.access.find_first_of("\r\n") != std::string::npos)
    return fail(ErrorCode::protocol_error, "the authorization server's answer has no access_token");
  const auto lifetime = answer.find("expires_in");
  if (lifetime != answer.end() && lifetime->is_number())
    tokens.expires_at = now + static_cast<std::int64_t>(std::clamp(lifetime->get<double>(), 0.0, 1e9));
  return tokens;
}

net::ClientRequest registration_request(const ServerMetadata& server, const std::string& redirect_uri) {
  const auto& methods = server.token_auth_methods;
  const auto takes = [&methods](std::string_view method) {
    return std::ranges::find(methods, method) != methods.end();
  };
  // A program on somebody's machine keeps no secret from that somebody, so it is a public client where it
  // may.
  const char* method = takes("none")                                         ? "none"
                       : takes("client_secret_post") && !takes(kUsualMethod) ? "client_secret_post"
                                                                             : "client_secret_basic";
  return post(server.registration_endpoint, "application/json",
              json{{"client_name", "Geminga"},
                   {"redirect_uris", {redirect_uri}},
                   {"grant_types", {"authorization_code", "refresh_token"}},
                   {"response_types", {"code"}},
                   {"token_endpoint_auth_method", method},
                   {"application_type", "native"}}
                  .dump());
}

Result<Client> read_registration(int status, std::string_view body, const std::string& redirect_uri) {
  GEMINGA_TRY(const json answer, read_answer(status, body, "registration"));
  Client client{.id = string_member(answer, "client_id"),
                .secret = string_member(answer, "client_secret"),
                .auth_method = string_member(answer, "token_endpoint_auth_method"),
                .redirect_uri = redirect_uri};
  if (client.id.empty())
    return fail(ErrorCode::protocol_error, "the authorization server's answer has no client_id");
  return client;
}

}  // namespace geminga::mcp::oauth
