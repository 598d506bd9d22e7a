#include "mcp/oauth/metadata.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "net/http_url.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp::oauth {
namespace {

using nlohmann::json;
using wire::mcp::string_member;

constexpr std::string_view kResource = "/.well-known/oauth-protected-resource";
constexpr std::string_view kServer = "/.well-known/oauth-authorization-server";
constexpr std::string_view kOpenId = "/.well-known/openid-configuration";

Result<json> read_object(std::string_view body) {
  auto value = wire::mcp::parse_json(body);
  if (!value || !value->is_object()) return fail(ErrorCode::parse_error, "it is no JSON object");
  return value;
}

std::vector<std::string> texts(const json& object, const char* key) {
  std::vector<std::string> found;
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return found;
  for (const json& one : *list) {
    if (one.is_string()) found.push_back(one.get<std::string>());
  }
  return found;
}

bool flag(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string without_slash(std::string text) {
  if (text.ends_with('/')) text.pop_back();
  return text;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

// A resource stands for itself and for what is below its path.
bool is_resource_of(const std::string& resource, const std::string& url) {
  const net::UrlParts ours = net::url_parts(url);
  const net::UrlParts theirs = net::url_parts(resource);
  const std::string path = without_slash(theirs.path) + "/";
  return !theirs.origin.empty() && theirs.origin == ours.origin && (ours.path + "/").starts_with(path);
}

}  // namespace

std::vector<std::string> resource_metadata_urls(const std::string& url, const std::string& named) {
  const net::UrlParts parts = net::url_parts(url);
  const std::string path = without_slash(parts.path);
  std::vector<std::string> urls;
  if (!named.empty()) urls.push_back(named);
  if (!path.empty()) urls.push_back(fmt::format("{}{}{}", parts.origin, kResource, path));
  urls.push_back(fmt::format("{}{}", parts.origin, kResource));
  urls.erase(std::unique(urls.begin(), urls.end()), urls.end());
  return urls;
}

std::vector<std::string> server_metadata_urls(const std::string& issuer) {
  const net::UrlParts parts = net::url_parts(issuer);
  const std::string path = without_slash(parts.path);
  std::vector<std::string> urls{fmt::format("{}{}{}", parts.origin, kServer, path),
                                fmt::format("{}{}{}", parts.origin, kOpenId, path)};
  if (!path.empty()) urls.push_back(fmt::format("{}{}{}", parts.origin, path, kOpenId));
  return urls;
}

Result<ResourceMetadata> read_resource_metadata(std::string_view body, const std::string& url) {
  GEMINGA_TRY(const json object, read_object(body));
  ResourceMetadata metadata{.resource = string_member(object, "resource"),
                            .scopes = texts(object, "scopes_supported")};
  if (!is_resource_of(metadata.resource, url)) {
    return fail(
        ErrorCode::protocol_error,
        fmt::format("its metadata is of the resource '{}', not of {}: a token for it is for somebody else",
                    metadata.resource, net::loggable_url(url)));
  }
  const auto servers = texts(object, "authorization_servers");
  if (servers.empty()) return fail(ErrorCode::protocol_error, "its metadata names no authorization server");
  metadata.issuer = servers.front();
  GEMINGA_TRY_VOID(check_endpoint(metadata.issuer, url));
  return metadata;
}

Result<ServerMetadata> read_server_metadata(std::string_view body, const std::string& issuer,
                                            bool any_issuer) {
  GEMINGA_TRY(const json object, read_object(body));
  ServerMetadata metadata{.issuer = string_member(object, "issuer"),
                          .authorization_endpoint = string_member(object, "authorization_endpoint"),
                          .token_endpoint = string_member(object, "token_endpoint"),
                          .registration_endpoint = string_member(object, "registration_endpoint"),
                          .token_auth_methods = texts(object, "token_endpoint_auth_methods_supported"),
                          .scopes = texts(object, "scopes_supported"),
                          .takes_client_documents = flag(object, "client_id_metadata_document_supported"),
                          .names_issuer = flag(object, "authorization_response_iss_parameter_supported")};
  if (!any_issuer && without_slash(metadata.issuer) != without_slash(issuer)) {
    return fail(ErrorCode::protocol_error, fmt::format("the authorization server {} calls itself '{}'",
                                                       net::loggable_url(issuer), metadata.issuer));
  }
  if (metadata.token_endpoint.empty())
    return fail(ErrorCode::protocol_error, "the authorization server names no token endpoint");
  const auto challenges = texts(object, "code_challenge_methods_supported");
  if (!metadata.authorization_endpoint.empty() && std::ranges::find(challenges, "S256") == challenges.end())
    return fail(ErrorCode::protocol_error,
                "the authorization server does not offer PKCE with S256, without which codes can be stolen");
  for (const std::string* url :
       {&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.registration_endpoint}) {
    if (!url->empty()) GEMINGA_TRY_VOID(check_endpoint(*url, issuer));
  }
  return metadata;
}

ServerMetadata default_endpoints(const std::string& origin) {
  return {.issuer = origin,
          .authorization_endpoint = origin + "/authorize",
          .token_endpoint = origin + "/token",
          .registration_endpoint = origin + "/register"};
}

Result<> check_endpoint(const std::string& url, const std::string& from) {
  const bool local = net::is_loopback_url(url);
  if (net::url_parts(url).origin.empty())
    return fail(ErrorCode::protocol_error,
                fmt::format("'{}' is no http or https URL", net::loggable_url(url)));
  if (local && !net::is_loopback_url(from))
    return fail(ErrorCode::protocol_error, fmt::format("{} sends us to {}, an address of this machine",
                                                       net::loggable_url(from), net::loggable_url(url)));
  if (!local && !url.starts_with("https://"))
    return fail(ErrorCode::protocol_error, fmt::format("{} is not https", net::loggable_url(url)));
  return {};
}

std::string join_scopes(std::string_view a, std::string_view b) {
  std::vector<std::string_view> all;
  for (const std::string_view text : {a, b}) {
    for (const std::string_view word : words(text)) {
      if (std::ranges::find(all, word) == all.end()) all.push_back(word);
    }
  }
  return fmt::format("{}", fmt::join(all, " "));
}

bool covers(std::string_view whole, std::string_view part) {
  const auto all = words(whole);
  return std::ranges::all_of(
      words(part), [&all](std::string_view word) { return std::ranges::find(all, word) != all.end(); });
}

}  // namespace geminga::mcp::oauth
