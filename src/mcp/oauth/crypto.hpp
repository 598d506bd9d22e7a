#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

/// The little cryptography of a client of OAuth. Any thread.
namespace geminga::mcp::oauth {

/// RFC 4648 section 5, without padding.
std::string base64url(std::string_view bytes);
/// 256 bits of the system's generator, as base64url: a code verifier, a state, the id of a token.
std::string random_text();
/// The 32 bytes.
std::string sha256(std::string_view bytes);
/// S256 of RFC 7636 section 4.2.
std::string pkce_challenge(std::string_view verifier);
/// A signed JWT (RFC 7515 compact form): ES256 with a P-256 key, RS256 with an RSA key of 2048 bits or more.
/// `claims` is JSON text. Errors: config_error (no such private key), io_error (it cannot sign).
Result<std::string> sign_jwt(const std::string& private_key_pem, std::string_view claims);

}  // namespace geminga::mcp::oauth
