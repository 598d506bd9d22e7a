#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

/// What servers publish about themselves: RFC 9728 (the MCP server) and RFC 8414 (its authorization server).
/// Pure.
namespace geminga::mcp::oauth {

struct ResourceMetadata {
  std::string resource{};  ///< what tokens are for (RFC 8707)
  std::string issuer{};    ///< the first authorization server
  std::vector<std::string> scopes{};
};

struct ServerMetadata {
  std::string issuer{};
  std::string authorization_endpoint{};
  std::string token_endpoint{};
  std::string registration_endpoint{};  ///< empty: there is none
  std::vector<std::string> token_auth_methods{};
  std::vector<std::string> scopes{};
  bool takes_client_documents = false;  ///< client_id_metadata_document_supported
  bool names_issuer = false;            ///< its redirects carry `iss` (RFC 9207)
};

/// Where the metadata of the MCP server at `url` may stand, the likeliest first; `named` by its challenge,
/// or empty.
std::vector<std::string> resource_metadata_urls(const std::string& url, const std::string& named);
/// Where the metadata of an authorization server may stand, the likeliest first.
std::vector<std::string> server_metadata_urls(const std::string& issuer);

/// Errors: parse_error (no JSON object: perhaps another address has it), protocol_error (metadata that must
/// not be used: of another resource than `url`, or without an authorization server).
Result<ResourceMetadata> read_resource_metadata(std::string_view body, const std::string& url);
/// Of the server `issuer`; `any_issuer` where it is only guessed. Errors: as above (another issuer, no PKCE
/// with S256, missing endpoints, endpoints that are not to be trusted).
Result<ServerMetadata> read_server_metadata(std::string_view body, const std::string& issuer,
                                            bool any_issuer);
/// The endpoints of protocol 2025-03-26 for a server that publishes nothing.
ServerMetadata default_endpoints(const std::string& origin);

/// Tokens and codes go over TLS, or stay on this machine; and who is elsewhere does not send us to addresses
/// of this machine. `from` is who named `url`. Errors: protocol_error.
Result<> check_endpoint(const std::string& url, const std::string& from);

/// Words that stand in `a` or in `b`, each once.
std::string join_scopes(std::string_view a, std::string_view b);
/// True where every word of `part` stands in `whole`.
bool covers(std::string_view whole, std::string_view part);

}  // namespace geminga::mcp::oauth
