#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace geminga::mcp::oauth {

/// How a token is got: a person agrees in a browser, or the machine has credentials of its own.
enum class Grant : std::uint8_t { authorization_code, client_credentials };

/// `oauth` of a server in mcp.json. Without it a server that asks for a token is authorized by a person.
struct Settings {
  bool enabled = true;  ///< false: a refusal is the end of it
  Grant grant = Grant::authorization_code;
  std::string client_id{};                   ///< empty: by metadata document or by registration
  std::string client_secret{};               ///< empty: a public client, or one with a key
  std::filesystem::path private_key_file{};  ///< PEM; signs for us at the token endpoint (private_key_jwt)
  std::string client_metadata_url{};         ///< our client id where the server takes such documents
  std::string scope{};                       ///< asked for instead of what the server suggests
  bool private_network = false;     ///< the authorization server may have an address of a private network
  std::uint16_t redirect_port = 0;  ///< of http://127.0.0.1:PORT/callback; 0: any
  bool operator==(const Settings&) const = default;
};

}  // namespace geminga::mcp::oauth
