#pragma once

#include <map>
#include <memory>
#include <optional>

#include "mcp/server_config.hpp"
#include "mcp/upstream.hpp"

namespace geminga::net {
class HttpClient;
struct ClientRequest;
}  // namespace geminga::net

namespace geminga::mcp {

/// A server of the plain form: POST <url>/mcp/invoke {"tool", "arguments"}. Its tools are the declared ones
/// and those that GET <url>/mcp/tools lists in the form of tools/list; a server without that route (404, 405,
/// 501) has only the declared ones. See README.md for what an answer may look like.
std::unique_ptr<Upstream> make_invoke_upstream(net::HttpClient& client, std::string name,
                                               HttpEndpoint endpoint, const ServerSettings& settings);

/// The answer of an invoke server as a call's answer. Any JSON will do; text that is no JSON is taken as
/// text.
CallAnswer read_invoke_answer(std::string_view body);

}  // namespace geminga::mcp
