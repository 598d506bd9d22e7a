#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <geminga/error.hpp>

#include "mcp/oauth/metadata.hpp"
#include "net/http_client.hpp"

/// What goes to an authorization server and what comes back (OAuth 2.1, RFC 7591, RFC 7523). Pure, but for
/// the time and the random id in a signed assertion.
namespace geminga::mcp::oauth {

using Form = std::vector<std::pair<std::string, std::string>>;

/// Who we are at one authorization server.
struct Client {
  std::string id{};
  std::string secret{};           ///< empty: none
  std::string private_key_pem{};  ///< empty: none
  std::string auth_method{};      ///< as registered; empty: chosen from what the server takes
  std::string redirect_uri{};     ///< as registered; empty: any
};

struct Tokens {
  std::string access{};
  std::string refresh{};        ///< empty: there is none
  std::string scope{};          ///< that we asked for, and was not refused
  std::int64_t expires_at = 0;  ///< seconds of the epoch; 0: not told
};

/// The address that a person opens.
struct Invitation {
  std::string redirect_uri;
  std::string state;
  std::string verifier;
  std::string scope;
};
std::string authorization_url(const ServerMetadata& server, const Client& client,
                              const Invitation& invitation, const std::string& resource);

Form code_form(const std::string& code, const Invitation& invitation, const std::string& resource);
Form refresh_form(const Tokens& tokens, const std::string& resource);
Form client_credentials_form(const std::string& scope, const std::string& resource);

/// POST of the form to the token endpoint, with our identity in the way that the server takes:
/// private_key_jwt, client_secret_basic, client_secret_post or none. Errors: config_error (it takes none that
/// we can do; the key).
Result<net::ClientRequest> token_request(const ServerMetadata& server, const Client& client, Form form);
/// `now` in seconds of the epoch. Errors: unauthorized (with the server's own words), protocol_error.
Result<Tokens> read_tokens(int status, std::string_view body, std::int64_t now);

/// POST that registers us (RFC 7591).
net::ClientRequest registration_request(const ServerMetadata& server, const std::string& redirect_uri);
/// Errors: unauthorized (it refused), protocol_error.
Result<Client> read_registration(int status, std::string_view body, const std::string& redirect_uri);

}  // namespace geminga::mcp::oauth
