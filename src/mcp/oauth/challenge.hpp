#pragma once

#include <optional>
#include <string>

#include "net/http_message.hpp"

namespace geminga::mcp::oauth {

/// What a server that refused us says in WWW-Authenticate (RFC 6750 section 3, RFC 9728 section 5.1).
struct Challenge {
  std::string resource_metadata{};  ///< URL
  std::string scope{};              ///< separated by spaces
  std::string error{};              ///< "invalid_token", "insufficient_scope"
  std::string error_description{};
};

/// The first challenge of the scheme Bearer, among others and in any number of header fields. Pure.
std::optional<Challenge> read_challenge(const net::HttpHeaders& headers);

}  // namespace geminga::mcp::oauth
