#pragma once

#include <functional>
#include <string>

#include <geminga/error.hpp>

#include "mcp/oauth/metadata.hpp"

namespace geminga::net {
class HttpClient;
}

namespace geminga::mcp::oauth {

struct Discovered {
  std::string resource{};             ///< what the token is for
  std::vector<std::string> scopes{};  ///< that the MCP server suggests
  ServerMetadata server{};
};

/// Finds out who gives tokens for the MCP server at `url`: its metadata (`named` by its challenge, or empty),
/// then that of its authorization server. A server without metadata of its own is taken as one of protocol
/// 2025-03-26, which is its own authorization server. `done` runs once, on the client's loop, within half a
/// minute. `public_only`: see net::ClientRequest. Errors: unavailable (not reachable, or nothing found),
/// protocol_error.
void discover(net::HttpClient& client, const std::string& url, const std::string& named, bool public_only,
              std::function<void(Result<Discovered>)> done);

bool same_origin(const std::string& a, const std::string& b);
/// Says what to write where an address of a private network was refused.
Error with_remedy(Error error);

}  // namespace geminga::mcp::oauth
