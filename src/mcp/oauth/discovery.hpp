#pragma once

#include <functional>
#include <string>

#include <geminga/error.hpp>

#include "mcp/oauth/metadata.hpp"

namespace geminga::net {
class HttpClient;
struct ClientRequest;
}  // namespace geminga::net

namespace geminga::mcp::oauth {

struct Discovered {
  std::string resource{};             ///< what the token is for
  std::vector<std::string> scopes{};  ///< that the MCP server suggests
  ServerMetadata server{};
};

/// Finds out who gives tokens for the MCP server at `url`: its metadata (`named` by its challenge, or empty),
/// then that of its authorization server. A server without metadata of its own is taken as one of protocol
/// 2025-03-26, which is its own authorization server. `done` runs once, on the client's loop, within half a
/// minute. Errors: unavailable (not reachable, or nothing found), protocol_error.
void discover(net::HttpClient& client, const std::string& url, const std::string& named, bool private_network,
              std::function<void(Result<Discovered>)> done);

/// Where the request may go that the MCP server at `url`, or who it named, has sent us to: to its own origin,
/// to addresses that anybody can reach, and to those of the kind of network where the configuration says that
/// the server is; anywhere with `private_network`.
void keep_in_reach(net::ClientRequest& request, const std::string& url, bool private_network);
/// Says what to write where an address of a private network was refused.
Error with_remedy(Error error);

}  // namespace geminga::mcp::oauth
